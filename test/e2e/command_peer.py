"""A foreign Modbus device: pymodbus' server in a thread, with what it saw, what is in it, and a wire that can be cut."""
import asyncio
import socket
import struct
import threading

from tenon import free_ports

from pymodbus import ModbusDeviceIdentification
from pymodbus.client import ModbusTcpClient
from pymodbus.server import ModbusTcpServer
from pymodbus.simulator import DataType, SimData, SimDevice


class Peer:
    """Units 1 and 3: 200 registers from 0 that hold their number, coils 0 to 31 off, input registers 0 to 15. They say who they are.
    What is asked of another unit stays without an answer."""

    def __init__(self, units=(1, 3)):
        self.seen, self.stuck, self.port = [], set(), free_ports()
        who = ModbusDeviceIdentification(info_name={"VendorName": "Acme", "ProductCode": "TT-7", "MajorMinorRevision": "2.1"})

        async def action(code, start, address, count, registers, values):
            if values is not None and address in self.stuck:
                values[:] = registers[address - start:address - start + len(values)]

        def device(unit):
            registers = [SimData(0, values=list(range(200)), datatype=DataType.REGISTERS)]
            return SimDevice(unit, ([SimData(0, values=[False] * 32, datatype=DataType.BITS)], [SimData(0, values=[False] * 16, datatype=DataType.BITS)],
                                    registers, [SimData(0, values=[7] * 16, datatype=DataType.REGISTERS)]), action=action)

        def trace(sending, data):
            if not sending and len(data) > 7:
                self.seen.append((data[6], data[7]))
            return b"" if sending and data[6] not in units else data

        self.loop, ready = asyncio.new_event_loop(), threading.Event()

        async def serve():
            self.server = ModbusTcpServer([device(u) for u in units], address=("127.0.0.1", self.port), trace_packet=trace,
                                          ignore_missing_devices=True, identity=who)
            await self.server.serve_forever(background=True)
            ready.set()

        self.thread = threading.Thread(target=lambda: (self.loop.run_until_complete(serve()), self.loop.run_forever()), daemon=True)
        self.thread.start()
        assert ready.wait(10)

    def registers(self, address, n=1, unit=1):
        """As another client reads them."""
        with ModbusTcpClient("127.0.0.1", port=self.port) as c:
            return c.read_holding_registers(address, count=n, device_id=unit).registers

    def bytes(self, address, n):
        return struct.pack(f">{n}H", *self.registers(address, n))

    def coil(self, address):
        with ModbusTcpClient("127.0.0.1", port=self.port) as c:
            return c.read_coils(address, count=1, device_id=1).bits[0]

    def close(self):
        asyncio.run_coroutine_threadsafe(self.server.shutdown(), self.loop).result(10)
        self.loop.call_soon_threadsafe(self.loop.stop)
        self.thread.join(10)


class Wire:
    """Between us and a peer; resets the connection when a request with the function `cut` passes: it still arrives, its answer does not."""

    def __init__(self, to):
        self.to, self.cut = to, None
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        self.socks = []
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self):
        while True:
            try:
                near = self.listener.accept()[0]
                far = socket.create_connection(("127.0.0.1", self.to))
            except OSError:
                return
            self.socks += [near, far]
            threading.Thread(target=self._pump, args=(near, far, True), daemon=True).start()
            threading.Thread(target=self._pump, args=(far, near, False), daemon=True).start()

    def _pump(self, a, b, asks):
        try:
            while data := a.recv(4096):
                if asks and len(data) > 7 and data[7] == self.cut:
                    a.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                    a.close()           # first, so that no answer can come through
                    b.sendall(data)
                    break
                b.sendall(data)
        except OSError:
            pass
        b.close()

    def close(self):
        """Nobody listens any more and what was open ends."""
        self.listener.shutdown(socket.SHUT_RDWR)
        self.listener.close()
        for s in self.socks:
            try:
                s.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass
