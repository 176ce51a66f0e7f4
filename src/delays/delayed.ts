// Queries of delayed events: those that wait, counted and listed, and what operators do with them.
import type { CentralLink } from '../central/central-link.ts';
import { noted, type Operator } from '../central/logbook/note.ts';

type Central = Pick<CentralLink, 'use' | 'query'>;

/** Undefined parts mean nothing. */
export interface DelayedFilter {
  readonly ids?: readonly number[] | undefined;
  readonly queue?: string | undefined;
  readonly type?: string | undefined;
  /** Due within this, by central's clock. */
  readonly withinMs?: number | undefined;
  /** Those that came later have higher ids. */
  readonly upTo?: number | undefined;
}

export interface DelayedEvent {
  readonly id: number;
  readonly queue: string;
  /** ISO 8601. */
  readonly due: string;
  readonly made: string | null;
  readonly type: string | null;
  readonly data: string | null;
  readonly extra1: string | null;
  readonly extra2: string | null;
  readonly extra3: string | null;
  readonly extra4: string | null;
}

/** Those of one queue. */
export interface DelayedCount {
  readonly queue: string;
  readonly events: number;
  /** In ms since 1970. */
  readonly firstMs: number;
  readonly lastMs: number;
  readonly newest: number;
}

/** What waits for one queue, for `lag`. */
export interface DelayedStanding {
  readonly events: number;
  /** When the next one is due, in ms since 1970; undefined: not known. */
  readonly nextMs: number | undefined;
  /** Events that did not go in because of their keys, since the installation. */
  readonly leftOut: number;
}

/** Of one transaction, and of one turn that deliveries wait for. */
const CHANGED_AT_ONCE = 2_000;

/** The next one first. */
export async function listDelayed(
  link: Pick<CentralLink, 'query'>,
  filter: DelayedFilter,
  limit: number,
): Promise<DelayedEvent[]> {
  return await link.query<DelayedEvent>('select * from tributary.delayed_list($1, $2)', [
    jsonOf(filter),
    limit,
  ]);
}

export async function countDelayed(
  link: Pick<CentralLink, 'query'>,
  filter: DelayedFilter,
): Promise<DelayedCount[]> {
  return await link.query<DelayedCount>(
    `select queue, events, first_ms as "firstMs", last_ms as "lastMs", newest from tributary.delayed_counts($1)`,
    [jsonOf(filter)],
  );
}

/** By queue; queues without any are left out. */
export async function delayedStandings(
  link: Pick<CentralLink, 'query'>,
  queues: readonly string[],
  timeoutMs: number,
): Promise<Map<string, DelayedStanding>> {
  const rows = await link.query<{ queue: string; events: number; next_ms: number | null; left_out: number }>(
    'select * from tributary.delayed_standing($1)',
    [queues],
    { timeoutMs },
  );
  return new Map(
    rows.map(({ queue, events, next_ms, left_out: leftOut }) => [
      queue,
      { events, nextMs: next_ms ?? undefined, leftOut },
    ]),
  );
}

/** What an operator means, also in words: `3 delayed events of orders`. */
export interface MeantDelayed {
  readonly filter: DelayedFilter & { readonly upTo: number };
  readonly queues: readonly string[];
  readonly words: string;
  readonly operator: Operator;
}

export type DelayedAct = 'cancel' | 'now';

/** A small transaction at a time, the next events first. @returns how many were cancelled, or made due. */
export async function changeDelayed(
  link: Central,
  act: DelayedAct,
  { filter, queues, words, operator }: MeantDelayed,
  signal: AbortSignal,
): Promise<number> {
  const [text, values] =
    act === 'cancel'
      ? ['select tributary.delayed_cancel($1, $2, $3) as done', [operator.who]]
      : ['select tributary.delayed_now($1, $2) as done', []];
  let done = 0;
  for (let last = -1; last !== 0 && !signal.aborted; done += last) {
    const isFirst = last === -1;
    last = await noted(link, operator, async (central) => {
      const [row] = await central.query<{ done: number }>(text, [jsonOf(filter), CHANGED_AT_ONCE, ...values]);
      const result = row?.done ?? 0;
      const what = act === 'cancel' ? `cancelled ${words}.` : `made ${words} due at once.`;
      const note = { kind: act === 'cancel' ? 'delayed-cancel' : 'delayed-now', queues, what } as const;
      return { result, note: isFirst && result > 0 ? note : undefined };
    });
  }
  return done;
}

function jsonOf({ ids, queue, type, withinMs, upTo }: DelayedFilter): string {
  return JSON.stringify({ ids, queue, type, within: withinMs, upto: upTo });
}
