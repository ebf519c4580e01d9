// SPDX-License-Identifier: MIT OR Apache-2.0
/*
 * budget.c - arithmetic of totals
 */
#include "budget.h"

uint64_t budget_growth(uint64_t *stored, uint64_t total)
{
	uint64_t grown = total - *stored;

	if ((int64_t)total < 0 || (int64_t)grown <= 0)
		return 0;
	*stored = total;
	return grown;
}

void spread_begin(struct spread *s, uint64_t amount, uint64_t from, uint64_t to, uint64_t tick)
{
	if (from >= to)
		from = to - 1;
	if (to - from > SPREAD_TICKS * tick)
		from = to - SPREAD_TICKS * tick;
	*s = (struct spread){
		.amount = amount,
		.from = from,
		.to = to,
		.tick = tick,
		.pos = from,
	};
}

bool spread_next(struct spread *s, uint64_t *at, uint64_t *piece)
{
	uint64_t end, until;

	if (s->pos >= s->to)
		return false;
	end = s->pos - s->pos % s->tick + s->tick;
	if (end > s->to)
		end = s->to;
	/* The whole up to here, rounded down, less what was given: no rounding error is left over. */
	until = (uint64_t)((unsigned __int128)s->amount * (end - s->from) / (s->to - s->from));
	*at = s->pos;
	*piece = until - s->given;
	s->given = until;
	s->pos = end;
	return true;
}
