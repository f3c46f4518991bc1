/* plc.c - the scan, the same for every kind of machine. */
#include "sim/plc.h"

#include <math.h>

/* Of a disturbed measuring line: normal noise of this share of the span, at full severity. */
static const double disturbance = 0.03;

static void measure(struct plc *p, double seconds)
{
	double truth[ANALOGS_MAX];

	p->kind->truth(p, truth);
	for (size_t i = 0; i < p->kind->n_analogs; i++) {
		const struct instrument *m = &p->kind->instruments[i];
		double span = m->high - m->low, step = span / m->steps, v;

		p->lagged[i] += (truth[i] - p->lagged[i]) * (p->settled && m->lag > 0 ? 1 - exp(-seconds / m->lag) : 1);
		v = p->lagged[i] + m->noise * span * chance_normal(&p->noise);
		if (p->disturbed > 0)           /* a healthy line draws no number: it is bit by bit as it was */
			v += disturbance * p->disturbed * span * chance_normal(&p->noise);
		v = m->low + step * round((fmin(fmax(v, m->low), m->high) - m->low) / step);
		p->analog[i] = v;
	}
	p->settled = true;
}

static void fill_image(struct plc *p)
{
	const struct kind *k = p->kind;

	for (size_t i = 0; i < k->n_points; i++) {
		const struct spot *spot = &p->spots->spot[i];
		unsigned index = k->sources[i].index;

		switch (k->sources[i].what) {
		case 'A': image_put(&p->image, spot, p->analog[index] / k->points[i].scale); break;
		case 'N': image_put_count(&p->image, spot, p->count[index]); break;
		case 'B': image_put(&p->image, spot, p->bit[index]); break;
		}
	}
}

static void take_commands(struct plc *p)
{
	const struct kind *k = p->kind;

	for (size_t i = 0; i < k->n_points; i++)
		if (k->sources[i].what == 'C')
			p->command[k->sources[i].index] = plc_value(p, i);
	for (unsigned f = 0; f < k->n_faults; f++) {
		double severity = p->command[k->first_fault + f] / 100;

		if (severity != p->fault[f]) {
			p->fault[f] = severity;
			k->set_fault(p, f, severity);
		}
	}
}

int plc_command_point(const struct plc *p, unsigned command)
{
	for (size_t i = 0; i < p->kind->n_points; i++)
		if (p->kind->sources[i].what == 'C' && p->kind->sources[i].index == command)
			return (int) i;
	return -1;
}

static void press_reset(struct plc *p, bool pressed)
{
	int point = plc_command_point(p, (unsigned) p->kind->reset);

	if (point >= 0)
		image_put(&p->image, &p->spots->spot[point], pressed);
}

/* Whoever looks after the plant resets a trip some time after what is broken was mended; if its cause is there still, it comes again. */
static void attend(struct plc *p)
{
	bool broken = false;

	for (unsigned f = 0; f < p->kind->n_faults; f++)
		broken |= p->fault[f] > 0;
	p->tripped_ms = !broken && p->kind->tripped(p) ? p->tripped_ms + p->scan_ms : 0;
	if (p->tripped_ms >= ATTENDED_MS) {
		p->tripped_ms = 0;
		press_reset(p, true);
	}
}

void plc_scan(struct plc *p)
{
	int64_t next_ns = p->now_ns + p->scan_ms * NS_PER_MS;
	bool reset;

	take_commands(p);
	reset = p->kind->reset >= 0 && p->command[p->kind->reset] != 0;
	if (p->kind->second && (p->count[COUNT_SCANS] == 0 || next_ns / NS_PER_S != p->now_ns / NS_PER_S))
		p->kind->second(p, next_ns);
	p->kind->step(p);
	p->now_ns = next_ns;
	measure(p, p->scan_ms / 1000.0);
	p->kind->decide(p);
	p->count[COUNT_SCANS]++;
	p->count[COUNT_STAMP_US] = (uint64_t) (p->now_ns / 1000);
	fill_image(p);
	if (reset)                                      /* a push-button */
		press_reset(p, false);
	if (p->attended && p->kind->tripped)
		attend(p);
}

void plc_init(struct plc *p, const struct spots *spots, uint64_t seed, uint32_t scan_ms, int64_t start_ns)
{
	const struct kind *k = spots->kind;

	*p = (struct plc) { .spots = spots, .kind = k, .scan_ms = scan_ms, .start_ns = start_ns, .now_ns = start_ns };
	k->init(p, seed);
	world_init(&p->world, seed);
	chance_init(&p->noise, seed, 2);
	for (size_t i = 0; i < k->n_points; i++)
		if (k->sources[i].what == 'C')
			image_put(&p->image, &spots->spot[i], k->first[k->sources[i].index] / k->points[i].scale);
}

double plc_value(const struct plc *p, size_t point)
{
	return image_get(&p->image, &p->spots->spot[point]) * p->kind->points[point].scale;
}

bool plc_command(struct plc *p, size_t point, double value)
{
	const struct sim_point *row = &p->kind->points[point];

	if (p->kind->sources[point].what != 'C' || !(value >= row->low && value <= row->high))
		return false;
	image_put(&p->image, &p->spots->spot[point], value / row->scale);
	return true;
}
