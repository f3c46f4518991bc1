"""What a disk may hold after a power cut, from a record of every call that changed it (record.c).

The model is POSIX at its strictest that a journalling file system still keeps:
- a file's bytes and size are certain once an fsync or fdatasync of it, begun after the write had ended, came back;
- of later writes any 512-byte sector may be there or not, in any order; a file may have grown without its new bytes (they are zeros);
- names (made, renamed, linked, taken away) are certain once their folder was synced; of later changes in a folder the first k are
  there, for any k; a rename is never half done;
- a name may be there while the bytes behind it are not.
"""
import os
import random
import struct

HEAD = struct.Struct("<IIIiqqIIII")
MAGIC, SECTOR = 0x31435250, 512
OPEN, WRITE, SYNC_BEGIN, SYNC, TRUNCATE, ALLOCATE, RENAME, LINK, UNLINK, MKDIR, RMDIR, ANSWER = range(1, 13)


class Event:
    __slots__ = ("op", "pid", "fd", "at", "size", "path", "other", "data", "flags")

    def __init__(self, op, pid, fd, at, size, path, other, data, flags):
        self.op, self.pid, self.fd, self.at, self.size = op, pid, fd, at, size
        self.path, self.other, self.data, self.flags = path, other, data, flags


def read(path):
    with open(path, "rb") as f:
        text = f.read()
    at, events = 0, []
    while at + HEAD.size <= len(text):
        magic, op, pid, fd, where, size, n_path, n_other, n_data, flags = HEAD.unpack_from(text, at)
        assert magic == MAGIC, f"the record is not whole at {at}"
        at += HEAD.size
        a, b, c = at + n_path, at + n_path + n_other, at + n_path + n_other + n_data
        events.append(Event(op, pid, fd, where, size, text[at:a].decode(), text[a:b].decode(), text[b:c], flags))
        at = c
    return events


class File:
    """Sectors that are certain, and what was done since, in order: (number, kind, where, bytes or size)."""

    def __init__(self):
        self.sure, self.size, self.later = {}, 0, []

    @staticmethod
    def put(sectors, at, data):
        while data:
            sector, inside = divmod(at, SECTOR)
            take = min(SECTOR - inside, len(data))
            old = sectors.get(sector, bytes(SECTOR))
            sectors[sector] = old[:inside] + data[:take] + old[inside + take:]
            at, data = at + take, data[take:]

    @staticmethod
    def cut(sectors, size):
        for sector in [s for s in sectors if s * SECTOR >= size]:
            del sectors[sector]
        last, inside = divmod(size, SECTOR)
        if inside and last in sectors:
            sectors[last] = sectors[last][:inside] + bytes(SECTOR - inside)

    @classmethod
    def apply(cls, sectors, size, change):
        _, kind, at, what = change
        if kind == "write":
            cls.put(sectors, at, what)
            return max(size, at + len(what))
        if kind == "cut":
            cls.cut(sectors, what)
            return what
        return max(size, at + what)             # room was made

    def settle(self, before):
        """Everything done before this number is certain."""
        keep = []
        for change in self.later:
            if change[0] < before:
                self.size = self.apply(self.sure, self.size, change)
            else:
                keep.append(change)
        self.later = keep

    def after_cut(self, how, rng):
        """(sectors, size) as the disk may show them. how: "least" nothing that is not certain, "most" everything, "some" by chance."""
        sectors, size = dict(self.sure), self.size
        if how == "least":
            return sectors, size
        stop = len(self.later) if how == "most" or rng.random() < 0.5 else rng.randint(0, len(self.later))
        torn = how == "some" and rng.random() < 0.7
        for change in self.later[:stop]:
            if not torn or change[1] != "write":
                size = self.apply(sectors, size, change)
                continue
            at, data = change[2], change[3]
            grown = max(size, at + len(data))
            while data:                         # each sector by itself
                take = min(SECTOR - at % SECTOR, len(data))
                if rng.random() < 0.6:
                    self.put(sectors, at, data[:take])
                    size = max(size, at + take)
                at, data = at + take, data[take:]
            if rng.random() < 0.5:
                size = grown
        return sectors, size


class Folder:
    def __init__(self):
        self.sure, self.later = {}, []          # name → File or Folder; (number, name, what or None)

    def now(self):
        names = dict(self.sure)
        for _, name, what in self.later:
            if what is None:
                names.pop(name, None)
            else:
                names[name] = what
        return names

    def settle(self, before):
        keep = []
        for change in self.later:
            if change[0] < before and not keep:
                if change[2] is None:
                    self.sure.pop(change[1], None)
                else:
                    self.sure[change[1]] = change[2]
            else:
                keep.append(change)
        self.later = keep

    def after_cut(self, how, rng):
        names = dict(self.sure)
        stop = 0 if how == "least" else len(self.later) if how == "most" else rng.randint(0, len(self.later))
        group = self.later[:stop]
        if stop < len(self.later) and stop and self.later[stop][0] == self.later[stop - 1][0]:
            group = [c for c in group if c[0] != self.later[stop][0]]           # a rename is one step
        for _, name, what in group:
            if what is None:
                names.pop(name, None)
            else:
                names[name] = what
        return names


class Disk:
    def __init__(self, root):
        self.root, self.top, self.fds, self.begun, self.number = root, Folder(), {}, {}, 0
        self.answers = {}                       # port → [status, …] sent so far

    def find(self, path):
        """(folder, name) of a path under the root; the root itself is (None, "")."""
        inside = os.path.relpath(path, self.root)
        if inside == ".":
            return None, ""
        at = self.top
        *folders, name = inside.split("/")
        for f in folders:
            at = at.now().get(f)
            if not isinstance(at, Folder):
                return None, None
        return at, name

    def look(self, path):
        folder, name = self.find(path)
        return self.top if name == "" else folder.now().get(name) if folder else None

    def name(self, path, what):
        folder, name = self.find(path)
        if folder:
            folder.later.append((self.number, name, what))

    def step(self, e):
        self.number += 1
        key = (e.pid, e.fd)
        if e.op == OPEN:
            what = self.look(e.path)
            if e.flags & 1 and what is None:
                what = File()
                self.name(e.path, what)
            if what is not None and e.flags & 2 and isinstance(what, File):
                what.later.append((self.number, "cut", 0, 0))
            self.fds[key] = what
        elif e.op == WRITE and isinstance(self.fds.get(key), File):
            self.fds[key].later.append((self.number, "write", e.at, e.data))
        elif e.op == TRUNCATE and isinstance(self.fds.get(key), File):
            self.fds[key].later.append((self.number, "cut", 0, e.size))
        elif e.op == ALLOCATE and isinstance(self.fds.get(key), File):
            self.fds[key].later.append((self.number, "room", e.at, e.size))
        elif e.op == SYNC_BEGIN:
            self.begun.setdefault(key, []).append(self.number)
        elif e.op == SYNC:
            before = self.begun[key].pop(0)     # two at once on one file: the earlier begin is the safe one
            what = self.fds.get(key)
            if what is not None:
                what.settle(before)
        elif e.op == MKDIR:
            self.name(e.path, Folder())
        elif e.op in (UNLINK, RMDIR):
            self.name(e.path, None)
        elif e.op == LINK:
            self.name(e.other, self.look(e.path))
        elif e.op == RENAME:
            what = self.look(e.path)
            a, b = self.find(e.path), self.find(e.other)
            if a[0] is b[0] and what is not None:
                a[0].later.append((self.number, b[1], what))
                a[0].later.append((self.number, a[1], None))
            else:
                self.name(e.other, what)
                self.name(e.path, None)
        elif e.op == ANSWER:
            self.answers.setdefault(e.at, []).append(e.size)

    def rebuild(self, to, how, rng):
        """Writes the disk as it may be found after a cut here into a folder that is not there yet."""
        made = {}

        def folder(f, path):
            os.mkdir(path, 0o700)
            for name, what in f.after_cut(how, rng).items():
                at = os.path.join(path, name)
                if isinstance(what, Folder):
                    folder(what, at)
                elif id(what) in made:
                    os.link(made[id(what)], at)
                else:
                    made[id(what)] = at
                    sectors, size = what.after_cut(how, rng)
                    with open(at, "wb") as out:
                        os.fchmod(out.fileno(), 0o600)
                        for s in sorted(sectors):
                            out.seek(s * SECTOR)
                            out.write(sectors[s][:max(0, min(SECTOR, size - s * SECTOR))])
                        out.truncate(size)
        folder(self.top, to)


def cuts(events, n_random, seed):
    """[(index, how)]: behind every sync nothing that is not certain; at random instants by chance. In order."""
    rng = random.Random(seed)
    some = [(i + 1, "least") for i, e in enumerate(events) if e.op == SYNC]
    some += [(rng.randint(1, len(events)), rng.choice(["some", "some", "some", "most", "least"])) for _ in range(n_random)]
    return sorted(some)
