// How a central queue is doing, judged from central's facts and the file. Pure.
import type { Queue } from '../../config/config.ts';
import { sentenceAge } from '../../errors/age.ts';
import { counted } from '../../errors/words.ts';
import { TIMING } from '../../lifecycle/timing.ts';
import { fewerXids } from '../../queue/ahead.ts';
import type { CentralQueueFacts } from './facts.ts';
import { type CentralLag, isFailing } from './report.ts';

/** @param queue or a group of one. @param group the workers' name as a consumer. */
export function lagOfCentral(
  queue: Pick<Queue, 'name' | 'workers' | 'lanes'>,
  facts: CentralQueueFacts,
  group: string,
): CentralLag {
  // A group that the file does not name waits like one that is parked.
  const isLeft = queue.workers === 'none' && facts.hasGroup;
  const isWorked = queue.workers !== 'none' || isLeft;
  // On a younger server new events look like handled ones: no figure is true.
  const isKnown = isWorked && facts.missingXids === 0;
  const wanted = isLeft ? 0 : isWorked ? (facts.wanted ?? Number(queue.workers)) : undefined;
  const stuck = whyStuck({ wanted, facts, group });
  const undelivered = whyUndelivered(facts);
  return {
    queue: queue.name,
    workersWanted: wanted,
    workersRunning: facts.running,
    eventsBehind: isKnown ? facts.eventsBehind : undefined,
    isExact: isKnown && facts.isExact,
    secondsBehind: isKnown ? facts.secondsBehind : undefined,
    inPerSecond: facts.missingXids === 0 ? facts.inPerSecond : undefined,
    outPerSecond: isWorked ? facts.outPerSecond : undefined,
    retrying: facts.retrying,
    dead: facts.dead,
    delayed: facts.delayed?.events ?? 0,
    leftOut: facts.delayed?.leftOut ?? 0,
    nextDelayed: facts.delayed?.nextMs === undefined ? undefined : new Date(facts.delayed.nextMs),
    lanes: facts.lanes ?? 0,
    nextLanes: facts.nextLanes,
    paused: facts.paused,
    recent: facts.recent,
    batches: facts.batches,
    ...(stuck ??
      undelivered ??
      (isLeft
        ? leftBehind(facts, group)
        : (whySlow(wanted, facts) ?? otherLanes(queue, facts) ?? pausedKeys(facts))) ??
      withoutUpkeep(facts) ?? { reason: undefined }),
    isStuck: stuck !== undefined || undelivered !== undefined,
  };
}

interface QueueVerdict {
  readonly reason: string;
  readonly cause: string;
}

function withoutUpkeep({ upkeepTrouble: reason }: CentralQueueFacts): QueueVerdict | undefined {
  return reason === undefined ? undefined : { cause: 'no-upkeep', reason };
}

/** That nobody is there who delivers is said for all queues together. */
function whyUndelivered({ queue, delayed, upkeepTrouble }: CentralQueueFacts): QueueVerdict | undefined {
  if (delayed === undefined || upkeepTrouble !== undefined) return undefined;
  if (delayed.overdueSeconds <= TIMING.doctor.lateSeconds) return undefined;
  return {
    cause: 'delayed-late',
    reason: `Queue ${queue}: of ${counted(delayed.events, 'delayed event')} the next one has been due for ${sentenceAge(delayed.overdueSeconds)} and does not go in: see the log of the host that holds upkeep:central.`,
  };
}

/** Where a host with an older file works it still, it is not left yet. */
function leftBehind({ queue, running }: CentralQueueFacts, group: string): QueueVerdict | undefined {
  if (running > 0) return undefined;
  return {
    cause: 'group-left',
    reason: `Group ${queue} (${group}) is not in the file, and nobody works it, so rotation keeps what waits for it: put it back, let a group of the file \`adopt\` it, or end it by \`tributary group remove ${queue}\`.`,
  };
}

function pausedKeys({ queue, paused }: CentralQueueFacts): QueueVerdict | undefined {
  if (paused === undefined || paused.seconds <= TIMING.doctor.lateSeconds) return undefined;
  const others = paused.keys === 1 ? '' : ` and ${counted(paused.keys - 1, 'other')}`;
  return {
    cause: 'key-paused',
    reason: `Queue ${queue}: key ${paused.oldest}${others} ${paused.keys === 1 ? 'is' : 'are'} paused, the oldest for ${sentenceAge(paused.seconds)}, and ${counted(paused.events, 'event')} wait until what failed is done or dead: mend the handler, or give the event in front up by \`tributary lane skip\`.`,
  };
}

/** Where `install` has not seen the file, or another file. */
function otherLanes(
  { workers, lanes }: Pick<Queue, 'workers' | 'lanes'>,
  { queue, lanes: there = 0, nextLanes = there }: CentralQueueFacts,
): QueueVerdict | undefined {
  const wanted = lanes?.count ?? 0;
  if (workers === 'none' || nextLanes === wanted) return undefined;
  return {
    cause: 'lanes-differ',
    reason: `Queue ${queue} has ${counted(nextLanes, 'lane')} on central and ${wanted} in the file: run \`tributary install\`.`,
  };
}

interface Situation {
  /** Undefined: forward only. */
  readonly wanted: number | undefined;
  readonly facts: CentralQueueFacts;
  readonly group: string;
}

/** Why its workers do not run or make no progress, with the remedy; a queue parked on purpose is not stuck. */
function whyStuck({ wanted, facts, group }: Situation): QueueVerdict | undefined {
  const { queue, running } = facts;
  if (!facts.isThere)
    return {
      cause: 'queue-missing',
      reason: `Queue ${queue} does not exist on central: run \`tributary install\`.`,
    };
  if (facts.missingXids > 0)
    return {
      cause: 'central-younger',
      reason: `Queue ${queue} stands still: ${fewerXids(facts.missingXids)}.`,
    };
  if (wanted === undefined) return undefined;
  if (!facts.hasGroup)
    return {
      cause: 'group-missing',
      reason: `Queue ${queue} has no consumer ${group}: run \`tributary install\`.`,
    };
  if (facts.tickIsGone)
    return {
      cause: 'tick-gone',
      reason: `A tick of ${group} on queue ${queue} (it stands at ${facts.positionTick}) does not exist any more, so what is behind is not known: move the group to one that does with pgq.register_consumer_at.`,
    };
  if (wanted === 0) return undefined;
  if (facts.parked !== undefined) {
    const whose = running === 0 ? 'No worker' : `${running} of ${wanted} workers run, and no other one`;
    return { cause: 'handler-unusable', reason: `${whose} can run for queue ${queue} ${facts.parked}` };
  }
  if (facts.troubled !== undefined)
    return {
      cause: 'workers-stuck',
      reason: `Workers of queue ${queue} make no progress ${facts.troubled}`,
    };
  if (running === 0)
    return {
      cause: 'no-worker',
      reason: `No worker runs for queue ${queue}: start \`tributary work\` or \`tributary start\`.`,
    };
  return undefined;
}

function whySlow(
  wanted: number | undefined,
  { queue, running, eventsBehind, recent }: CentralQueueFacts,
): QueueVerdict | undefined {
  if (wanted === undefined) return undefined;
  if (wanted === 0)
    return running === 0 && (eventsBehind ?? 0) === 0
      ? undefined
      : {
          cause: 'parked',
          reason: `Queue ${queue} is parked and its events wait: \`tributary scale ${queue} N\` gives it workers.`,
        };
  if (isFailing(recent)) {
    const why = recent.error === undefined ? '.' : `: ${recent.error}`;
    return {
      cause: 'handler-fails',
      reason: `Of the last ${recent.tried} events of queue ${queue} ${recent.failed} failed${why}`,
    };
  }
  if (running < wanted)
    return {
      cause: 'workers-missing',
      reason: `${running} of ${wanted} workers of queue ${queue} run: see the log of \`tributary work\`, or start it on one more host.`,
    };
  return undefined;
}
