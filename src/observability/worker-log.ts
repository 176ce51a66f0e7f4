// Logs the occurrences of a pool of workers: one line each; frequent ones are summed up.
import type { Logger } from 'pino';
import { formatDuration } from '../config/units.ts';
import { sentenceFor } from '../errors/sentence.ts';
import { counted } from '../errors/words.ts';
import { TIMING } from '../lifecycle/timing.ts';
import type { WorkerOccurrence } from '../workers/primary/occurrence.ts';

import { foldedWarnings } from './folded.ts';

const count = (number: number): string => number.toLocaleString('en-US');

/** A listener for `WorkerPoolOptions.onOccurrence` that logs. */
export function logWorkers(log: Logger): (occurrence: WorkerOccurrence) => void {
  let sum = { events: 0, batches: 0, sinceMs: performance.now() };
  const folded = foldedWarnings(log);
  return (occurrence) => {
    switch (occurrence.kind) {
      case 'batch-finished': {
        sum = { ...sum, events: sum.events + occurrence.events, batches: sum.batches + 1 };
        const nowMs = performance.now();
        if (nowMs - sum.sinceMs < TIMING.logs.summaryMs) break;
        log.info(
          { events: sum.events, batches: sum.batches },
          `handled ${counted(sum.events, 'event')} in ${counted(sum.batches, 'batch', 'batches')}`,
        );
        sum = { events: 0, batches: 0, sinceMs: nowMs };
        break;
      }
      case 'batch-opened': {
        const { slot, openings, takenOverFrom } = occurrence;
        if (openings === 1) break;
        log.info(
          { slot, batch: occurrence.token, openings },
          `${slot} goes on with a batch${whoseBatch(takenOverFrom)}`,
        );
        break;
      }
      case 'batch-progress': {
        const { slot, done, events, seconds } = occurrence;
        const of = events === undefined ? '' : ` of about ${count(events)}`;
        const since = formatDuration(Math.round(seconds) * 1_000);
        log.info(
          { slot, done, events, seconds },
          `${slot} is at ${count(done)}${of} events of a batch, since ${since}`,
        );
        break;
      }
      case 'batch-given-up':
        folded(occurrence.sentence, { slot: occurrence.slot, batch: occurrence.token });
        break;
      case 'worker-ready':
        log.info({ slot: occurrence.slot, pid: occurrence.pid }, `${occurrence.slot} is ready`);
        break;
      case 'worker-died': {
        const { slot, pid, code, signal, restartMs } = occurrence;
        const how = signal === null ? `exit code ${code}` : signal;
        const next = restartMs === 0 ? 'at once' : `in ${restartMs} ms`;
        log.error({ slot, pid }, `${slot} died (${how}); the next one starts ${next}`);
        break;
      }
      case 'worker-silent': {
        const { slot, pid, silentMs } = occurrence;
        log.error(
          { slot, pid },
          `${slot} gave no sign of life for ${Math.round(silentMs / 1000)} s and is killed: its handler blocks the process, or it was stopped`,
        );
        break;
      }
      case 'worker-stalled': {
        const { slot, pid, stalledMs } = occurrence;
        log.error(
          { slot, pid },
          `${slot} made no progress for ${Math.round(stalledMs / 1000)} s and is killed: its handler or its connection hangs`,
        );
        break;
      }
      case 'worker-ended':
        log.info(
          { slot: occurrence.slot, pid: occurrence.pid },
          occurrence.isRecycled
            ? `${occurrence.slot} is replaced after a handler that did not come back in time`
            : `${occurrence.slot} ended`,
        );
        break;
      case 'worker-replaced':
        log.info(
          { slot: occurrence.slot, pid: occurrence.pid },
          `${occurrence.slot} is replaced ${occurrence.reason}`,
        );
        break;
      case 'worker-kept':
        log.warn(
          { slot: occurrence.slot, pid: occurrence.pid },
          `${occurrence.slot} goes on with its old process: ${occurrence.sentence}`,
        );
        break;
      case 'worker-troubled':
        folded(occurrence.sentence, { slot: occurrence.slot });
        break;
      case 'queue-parked':
        log.error({ queue: occurrence.queue }, `queue ${occurrence.queue} is parked: ${occurrence.sentence}`);
        break;
      case 'queue-unparked':
        log.info({ queue: occurrence.queue }, `queue ${occurrence.queue} is worked on again`);
        break;
      case 'queue-held-back':
        log.error(
          { queue: occurrence.queue },
          `queue ${occurrence.queue} is held back: ${occurrence.sentence}`,
        );
        break;
      case 'queue-released':
        log.info({ queue: occurrence.queue }, `queue ${occurrence.queue} is not held back any more`);
        break;
      case 'pool-scaled':
        log.info(
          { queue: occurrence.queue, wanted: occurrence.wanted },
          `${occurrence.queue}: ${occurrence.before} → ${counted(occurrence.wanted, 'worker')} wanted over all hosts`,
        );
        break;
      case 'other-number':
        log.warn(
          { queue: occurrence.queue, file: occurrence.file, installed: occurrence.installed },
          otherNumber(occurrence),
        );
        break;
      case 'slot-taken-over':
        log.warn(
          { queue: occurrence.queue, slot: occurrence.slot },
          `${occurrence.slot} was taken over from another host that was silent`,
        );
        break;
      case 'pool-trouble':
        folded(sentenceFor(occurrence.error, 'Central'));
        break;
    }
  };
}

/** A batch that was opened on the group itself has a row among its members, with a name that no worker has. */
function whoseBatch(member: string | undefined): string {
  if (member === undefined) return '';
  return member.startsWith('%batch ')
    ? ' that a program opened on the group itself and did not finish'
    : ` of ${member}, which is dead`;
}

function otherNumber({
  queue,
  file,
  installed,
}: {
  readonly queue: string;
  readonly file: number;
  readonly installed: number | undefined;
}): string {
  if (installed === undefined)
    return `queue ${queue} has no workers until \`tributary install\` has run with this file`;
  return `this host's file says ${counted(file, 'worker')} for queue ${queue}, and ${installed} as installed is what counts: bring the newest file here, or run \`tributary install\` where this one is the newest`;
}
