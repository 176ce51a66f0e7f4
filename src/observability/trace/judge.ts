// What became of an event, or where it waits and why, as a state and a sentence; from what was found. Pure.
import { sentenceAge } from '../../errors/age.ts';
import { counted } from '../../errors/words.ts';
import type { CentralLag, SourceLag } from '../lag/report.ts';
import type { EventLook, FoundEvent } from './find-event.ts';
import type { HandlingFacts } from './handled.ts';
import type { TracedDeath, TracedMove, TracedTry, TraceState } from './shape.ts';

export interface Verdict {
  readonly state: TraceState;
  readonly summary: string;
}

export interface OnCentralFacts {
  readonly queue: string;
  /** Whose workers: `orders`, or `orders/billing`. */
  readonly work: string;
  readonly id: number;
  /** Undefined: central's event tables do not have it any more. */
  readonly event: FoundEvent | undefined;
  readonly handling: HandlingFacts;
  readonly lag: CentralLag | undefined;
}

/** An event that came to central, or that central knows by its failures. */
export function judgeOnCentral(facts: OnCentralFacts): Verdict {
  const { handling, work, lag } = facts;
  const { dead, inFront, retry, tries } = handling;
  const last = tries.at(-1);
  if (dead !== undefined && dead.redrivenAt === null) return deadVerdict(dead);
  if (retry !== undefined) return retryVerdict(retry, { work, lag });
  if (inFront !== undefined && inFront.waitsFor !== 'retry')
    return {
      state: 'waiting',
      summary:
        inFront.waitsFor === 'turn'
          ? `It waits for the turn of its key ${inFront.key}, of which more events came than go into one batch (\`fair\` of ${work}).`
          : `It waits for the rate of its key ${inFront.key} (\`limits\` of ${work}).`,
    };
  if (inFront !== undefined)
    return {
      state: 'waiting',
      summary: `It waits behind event ${inFront.id} of its key ${inFront.key}, which failed${because(inFront.error)} and is tried again at ${inFront.nextAt}: \`tributary lane\` shows it.`,
    };
  if (dead?.redrivenAt != null && (last === undefined || last.at < dead.redrivenAt)) {
    return {
      state: 'retrying',
      summary: `It was dead, and was handed out again at ${dead.redrivenAt}: it waits for the workers of ${work}.${why(lag)}`,
    };
  }
  if (last?.became === 'done')
    return { state: 'handled', summary: `Handled at ${last.at} by ${workerOf(last)}${tryOf(tries)}.` };
  if (last?.became === 'dead')
    return {
      state: 'dead',
      summary: `It died at ${last.at}${because(last.error)}, and was discarded since, or had been kept for long enough.`,
    };
  if (last !== undefined)
    return {
      state: 'passed',
      summary: `It was put off at ${last.at}${because(last.error)}, and does not wait any more: another program than \`tributary work\` has taken it.`,
    };
  return untried(facts);
}

function deadVerdict({ id, kind, attempts, error, diedAt }: TracedDeath): Verdict {
  const what =
    kind === 'poison'
      ? 'Central did not take it'
      : kind === 'killed'
        ? // Its deaths are no tries that a handler failed, and not counted as such.
          `Dead since ${diedAt}`
        : `Dead since ${diedAt}, after ${counted(attempts, 'try', 'tries')}`;
  return {
    state: 'dead',
    summary: `${what}: ${ended(error)} \`tributary dead show ${id}\` shows it, \`tributary dead retry ${id}\` hands it out again.`,
  };
}

function retryVerdict(
  { attempts, error, nextAt, isDue }: NonNullable<HandlingFacts['retry']>,
  { work, lag }: Pick<OnCentralFacts, 'work' | 'lag'>,
): Verdict {
  const what =
    attempts === 0 || error === null
      ? 'Its handler put it off'
      : `It failed ${counted(attempts, 'time')}, the last time with: ${ended(error)} It`;
  const next = error === null || attempts === 0 ? '' : ' is tried again';
  return {
    state: 'retrying',
    summary: isDue
      ? `${what}${next === '' ? '' : ' was to be tried again'} ${next === '' ? 'until' : 'at'} ${nextAt}, and waits for the workers of ${work} since.${why(lag)}`
      : `${what}${next} ${next === '' ? 'until' : 'at'} ${nextAt}.`,
  };
}

/** Nobody has tried it, as far as is noted. */
function untried({ queue, work, id, event, handling, lag }: OnCentralFacts): Verdict {
  const { group, keptFrom, open } = handling;
  const here = `It is in central queue ${queue} as event ${id}`;
  if (event === undefined)
    return {
      state: 'unknown',
      summary: `Central queue ${queue} has no event ${id}, or not any more, and no worker noted one ${keptSince(keptFrom)}.`,
    };
  const { seenBy } = event;
  if (group === undefined)
    return {
      state: 'forwarded',
      summary: `${here}. No workers of this installation consume that queue.`,
    };
  if (seenBy === undefined)
    return { state: 'waiting', summary: `${here}, and waits for a tick there to see it.${why(lag)}` };
  if (open !== undefined && !open.isDone)
    return {
      state: 'working',
      summary: `Worker ${open.member} has it at hand; its last sign of life was at ${open.activeAt}.${why(lag)}`,
    };
  if (seenBy.id > group.tick)
    return { state: 'waiting', summary: `${here}. ${backlog(event, group, { work, lag })}` };
  const reason =
    keptFrom === undefined || seenBy.at < keptFrom
      ? `what was handled is kept ${keptSince(keptFrom)}, and its batch was before`
      : work === queue
        ? 'its batch was finished by another program than `tributary work`'
        : 'the group began behind it, or another program than `tributary work` finished its batch';
  return {
    state: 'passed',
    summary: `The workers of ${work} are past it; what they did with it is not known: ${reason}.`,
  };
}

function backlog(
  { notSeenBy }: FoundEvent,
  { eventSeq }: NonNullable<HandlingFacts['group']>,
  { work, lag }: Pick<OnCentralFacts, 'work' | 'lag'>,
): string {
  const before = notSeenBy === undefined || eventSeq === undefined ? 0 : notSeenBy.eventSeq - eventSeq;
  const first = before > 0 ? `about ${before.toLocaleString('en-US')} events come before it` : 'it is next';
  const rate = lag?.outPerSecond ?? 0;
  const takes =
    before > 0 && rate > 0 && lag?.reason === undefined
      ? `, at ${Math.round(rate).toLocaleString('en-US')} a second for about ${sentenceAge(before / rate)}`
      : '';
  return `It waits for the workers of ${work}${takes}: ${first}.${why(lag)}`;
}

export interface OnShardFacts {
  readonly label: string;
  readonly shard: string;
  readonly queue: string;
  readonly id: number;
  readonly look: EventLook;
  /** Up to about this id the source has been moved. */
  readonly movedTo: number;
  readonly lag: SourceLag | undefined;
}

/** An event that no commit has moved. */
export function judgeOnShard({ label, shard, queue, id, look, movedTo, lag }: OnShardFacts): Verdict {
  const { event, lastId, newestId } = look;
  const reason = lag?.reason === undefined ? '' : ` ${ended(lag.reason)}`;
  if (event !== undefined) {
    const { notSeenBy, seenBy } = event;
    if (seenBy === undefined)
      return {
        state: 'waiting',
        summary: `It is committed on shard ${shard}, and waits for a tick there to see it.${reason}`,
      };
    const before = (notSeenBy?.eventSeq ?? 0) - movedTo;
    const order =
      before > 0
        ? `about ${before.toLocaleString('en-US')} events of its queue come before it`
        : 'it is next';
    return { state: 'waiting', summary: `It waits on shard ${shard} to be moved: ${order}.${reason}` };
  }
  if (id > lastId)
    return {
      state: 'unknown',
      summary: `There is no event ${label} yet: queue ${queue} on shard ${shard} has given out ids up to ${lastId}.`,
    };
  if (look.isKept && id > newestId)
    return {
      state: 'unknown',
      summary: `There is no event ${label} yet: its transaction is still open, or was rolled back.`,
    };
  return {
    state: 'unknown',
    summary: `Shard ${shard} has no event ${label}: its transaction is still open or was rolled back, or it was rotated away.`,
  };
}

export interface AbsentFacts {
  readonly label: string;
  readonly queue: string;
  /** The commit that moved its source past it; undefined: it was before positions are kept. */
  readonly move: TracedMove | undefined;
  /** The shard's events reach back to here, and central's; undefined: not known. */
  readonly shardFrom: string | undefined;
  readonly centralFrom: string | undefined;
  readonly positionsFrom: string | undefined;
  readonly hasWhere: boolean;
  readonly hasOrigins: boolean;
  /** The queue says `deliver_at`. */
  readonly hasDelays: boolean;
  /** The central queues of a source with routes; absent: it has none. */
  readonly routes?: readonly string[] | undefined;
}

/** An event whose source was moved past it, and that is not found on central. */
export function judgeAbsent(facts: AbsentFacts): Verdict {
  const {
    centralFrom,
    hasDelays,
    hasOrigins,
    hasWhere,
    label,
    move,
    positionsFrom,
    queue,
    routes,
    shardFrom,
  } = facts;
  const holds =
    centralFrom === undefined ? '' : ` Central queue ${queue} holds events back to about ${centralFrom}.`;
  if (move === undefined)
    return {
      state: 'unknown',
      summary: `Nothing is known of ${label} any more: ${shardFrom === undefined ? '' : `its shard keeps events from about ${shardFrom} on, `}the commits that moved them are known ${keptSince(positionsFrom)}.${holds}`,
    };
  const moved = `Its source was moved past it at ${move.at}`;
  if (!hasOrigins)
    return {
      state: 'forwarded',
      summary: `${moved}, to central queue ${queue}, whose events have no origin (\`origin: none\`), so it cannot be found there.`,
    };
  if (move.transaction === null)
    return { state: 'passed', summary: `${moved}, before it was noted by which transaction.${holds}` };
  if (centralFrom !== undefined && move.at < centralFrom)
    return {
      state: 'passed',
      summary: `${moved}, to central queue ${queue}, which does not hold it any more.${holds}`,
    };
  if (move.mover === null)
    return { state: 'left-out', summary: `${moved} by a command (\`repair\`), which left it out.` };
  if (hasDelays)
    return {
      state: 'passed',
      summary: `${moved}, to central queue ${queue}, whose events wait for their time: it has gone since, and what is kept of deliveries does not reach back to it${hasWhere ? ', or `where` left it out' : ''}.${holds}`,
    };
  if (routes !== undefined)
    return {
      state: 'left-out',
      summary: `${moved}, and it did not come to central: no route to ${routes.join(', ')} takes it.`,
    };
  return {
    state: 'left-out',
    summary: hasWhere
      ? `${moved}, and it did not come to central: \`where\` of queue ${queue} leaves it out.`
      : `${moved}, and no event of that commit has its origin: it keeps a value of its own in the origin's column, or was deleted.`,
  };
}

const keptSince = (from: string | undefined): string =>
  from === undefined ? 'from now on' : `from ${from} on`;

const why = (lag: CentralLag | undefined): string =>
  lag?.reason === undefined ? '' : ` ${ended(lag.reason)}`;

const ended = (text: string): string =>
  /[.!?…]$/.test(text.trimEnd()) ? text.trimEnd() : `${text.trimEnd()}.`;

const because = (error: string | null): string => (error === null ? '' : ` (${error.trimEnd()})`);

const workerOf = ({ worker, host }: TracedTry): string =>
  `worker ${worker}${host === null ? '' : ` on host ${host}`}`;

const tryOf = (tries: readonly TracedTry[]): string =>
  tries.length < 2 ? '' : `, after ${counted(tries.length - 1, 'earlier try', 'earlier tries')}`;
