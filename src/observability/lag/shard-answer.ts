// Turns a shard's answer about a position into how far its source is behind. Pure.
import { shellWord } from '../../errors/shell-word.ts';
import { fewerXids } from '../../queue/ahead.ts';
import type { LagPosition, ShardAnswer } from './facts.ts';

/** A row of behind.sql. */
export interface BehindRow {
  readonly now_us: number;
  readonly last_seq: number;
  /** The position's tick as it is on the shard; null: it is gone. */
  readonly time_us: number | null;
  readonly event_seq: number | null;
  readonly snapshot_md5: string | null;
  /** The end of a window that was begun; null: it is gone, or there is no such window. */
  readonly end_tick: number | null;
  readonly newest_tick: number | null;
  /** How many transaction ids the newest tick is ahead of the server's; null: there is no tick. */
  readonly missing_xids: number | null;
  readonly oldest_tick_us: number | null;
  readonly rows: number;
  readonly oldest_event_us: number | null;
}

/** Up to here rows are counted; see behind.sql. */
const COUNTED = 10_000;

/** @param row undefined: the queue is gone. @param label `shard:queue`. */
export function answerOf(
  { tick, inside }: LagPosition,
  row: BehindRow | undefined,
  { label, provider }: { readonly label: string; readonly provider: string | undefined },
): ShardAnswer {
  if (row === undefined) return { kind: 'failed', reason: `The queue of source ${label} was just dropped.` };
  const lastTick = row.newest_tick ?? undefined;
  const lost = whyLost({ tick, inside }, row);
  if (lost !== undefined) {
    const reason = `${lost}: moving of ${label} cannot go on from there; \`tributary repair ${shellWord(label)} --dry-run\` shows the ways on.`;
    return { kind: 'lost', ageSeconds: 0, reason, lastTick, provider };
  }
  const estimate = row.last_seq - (inside?.lastEventId ?? tick.eventSeq);
  const isExact = row.rows <= COUNTED;
  return {
    kind: 'behind',
    ageSeconds: 0,
    eventsBehind: isExact ? row.rows : Math.max(estimate, row.rows),
    isExact,
    secondsBehind: secondsBehind(row),
    lastTick,
    provider,
  };
}

function whyLost({ tick, inside }: LagPosition, row: BehindRow): string | undefined {
  if (row.time_us === null)
    return `Tick ${tick.id} does not exist on the shard any more (it was rotated away, or the queue was created anew)`;
  if (row.time_us !== tick.timeUs || row.event_seq !== tick.eventSeq || row.snapshot_md5 !== tick.md5)
    return `Tick ${tick.id} on the shard is not the one that was moved (the shard was restored or promoted, or the queue was created anew)`;
  if (inside !== undefined && row.end_tick === null)
    return `Tick ${inside.endTickId}, the end of a window that was begun, does not exist on the shard any more`;
  const missing = row.missing_xids ?? 0;
  if (missing > 0) return `Tick ${tick.id} is of another server: ${fewerXids(missing)}`;
  return undefined;
}

/** Age of the oldest event that is not moved, or, where its time lies in the future, of the tick behind it. */
function secondsBehind({ now_us, oldest_tick_us, oldest_event_us, rows }: BehindRow): number {
  if (rows === 0) return 0;
  const sinceUs = [oldest_event_us, oldest_tick_us].find((us) => us !== null && us <= now_us);
  return (now_us - (sinceUs ?? now_us)) / 1e6;
}
