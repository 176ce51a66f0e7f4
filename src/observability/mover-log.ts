// Logs the occurrences of a mover: one line each; frequent ones are summed up.
import type { Logger } from 'pino';
import { formatDuration } from '../config/units.ts';
import { sentenceAbout, sentenceFor } from '../errors/sentence.ts';
import { counted } from '../errors/words.ts';
import { TIMING } from '../lifecycle/timing.ts';
import type { MoverOccurrence } from '../mover/occurrence.ts';
import { foldedLines } from './folded.ts';

/** A listener for `MoverOptions.onOccurrence` that logs. */
export function logMover(log: Logger): (occurrence: MoverOccurrence) => void {
  let sum = { rows: 0, commits: 0, sinceMs: performance.now() };
  const folded = foldedLines(log);
  const warned = new Set<string>();
  const once = (key: string, write: () => void) => {
    if (warned.has(key)) return;
    warned.add(key);
    write();
  };
  return (occurrence) => {
    switch (occurrence.kind) {
      case 'committed': {
        sum = { ...sum, rows: sum.rows + occurrence.rows, commits: sum.commits + 1 };
        const nowMs = performance.now();
        if (nowMs - sum.sinceMs < TIMING.logs.summaryMs) return;
        log.info(
          { events: sum.rows, commits: sum.commits },
          `moved ${counted(sum.rows, 'event')} in ${counted(sum.commits, 'commit')}`,
        );
        sum = { rows: 0, commits: 0, sinceMs: nowMs };
        return;
      }
      case 'central-older':
        return folded(
          'warn',
          `central is older than what was moved into it from shard ${occurrence.shard}: what it lacks is moved again, as far as the shard has it`,
          {
            about: { shard: occurrence.shard, sources: occurrence.sources, events: occurrence.events },
            name: occurrence.shard,
          },
        );
      case 'lease-lost':
        return log.warn(
          { resource: occurrence.resource },
          `the lease of ${occurrence.resource} ${occurrence.reason === 'ran-out' ? 'ran out: central did not answer in time' : 'was taken over by another mover'}`,
        );
      case 'lease-taken-over':
        return log.warn(
          { resource: occurrence.resource },
          `the lease of ${occurrence.resource} was taken over from another mover that was silent`,
        );
      case 'stood-still':
        return log.error(
          { loop: occurrence.loop },
          `${occurrence.loop} took no turn for ${formatDuration(occurrence.ms)} and was started again: please report this, with the lines before it`,
        );
      case 'shard-connected':
        return log.info({ shard: occurrence.shard }, `shard ${occurrence.shard} is connected`);
      case 'shard-let-go':
        return log.info(
          { shard: occurrence.shard },
          `shard ${occurrence.shard} is let go: what was read of it is committed, and its positions stay`,
        );
      case 'shard-trouble':
        return folded('warn', sentenceFor(occurrence.error, `Shard ${occurrence.shard}`), {
          about: { shard: occurrence.shard, retryMs: occurrence.retryMs },
          name: occurrence.shard,
        });
      case 'central-trouble':
        return folded('warn', sentenceFor(occurrence.error, 'Central'), {
          about: { queue: occurrence.queue },
        });
      case 'source-trouble':
        return log.warn(
          { shard: occurrence.shard, queue: occurrence.queue },
          sentenceAbout(occurrence.error, `Source ${occurrence.shard}:${occurrence.queue}`),
        );
      case 'source-halted':
        return log.error({ shard: occurrence.shard, queue: occurrence.queue }, occurrence.reason);
      case 'condemned':
        return log.error(
          {
            shard: occurrence.shard,
            queue: occurrence.queue,
            origin: occurrence.origin,
            sqlstate: occurrence.sqlstate,
          },
          `${occurrence.by === 'central' ? 'central refuses' : `shard ${occurrence.shard} cannot read`} event ${occurrence.origin ?? 'without an origin'}: ${occurrence.error}; it is kept as a dead event, see \`tributary dead list\``,
        );
      case 'window-cut':
        return sayCut(log, occurrence);
      case 'origin-taken':
        return once(`${occurrence.shard}:${occurrence.queue}`, () =>
          log.warn(
            { shard: occurrence.shard, queue: occurrence.queue },
            `events of ${occurrence.shard}:${occurrence.queue} use the column of the origin themselves; what does not read as an origin is kept in it, what does is replaced by the true one: choose another column with \`origin:\``,
          ),
        );
      case 'foreign-ticker':
        return folded(
          'info',
          `another ticker ticks ${occurrence.shard}:${occurrence.queue}; ours keeps still`,
          {
            about: { shard: occurrence.shard, queue: occurrence.queue },
            name: `${occurrence.shard}:${occurrence.queue}`,
          },
        );
      case 'upkeep':
        return log.debug({ database: occurrence.database }, `${occurrence.what}: ${occurrence.detail}`);
      case 'upkeep-trouble':
        return log.warn(
          { database: occurrence.database },
          sentenceAbout(occurrence.error, `${occurrence.what} on ${occurrence.database}`),
        );
    }
  };
}

/** Once when it begins, once with the numbers when all of it was read. */
function sayCut(
  log: Logger,
  { shard, queue, events, bytes, parts, isLast }: Extract<MoverOccurrence, { kind: 'window-cut' }>,
): void {
  const about = { shard, queue, events, bytes, parts };
  if (isLast) {
    log.info(
      about,
      `a window of ${shard}:${queue} went on in ${parts} parts, ${counted(events, 'event')} in all`,
    );
  } else if (parts === 1) {
    log.warn(
      about,
      `a window of ${shard}:${queue} is more than mover.whole and goes into central in parts: a transaction of it may come in several batches`,
    );
  }
}
