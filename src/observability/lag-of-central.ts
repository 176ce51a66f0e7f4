// How a central queue is doing, judged from central's facts and the file. Pure.
import type { Queue } from '../config/config.ts';
import { fewerXids } from '../queue/ahead.ts';
import type { CentralQueueFacts } from './lag-facts.ts';
import type { CentralLag } from './lag-report.ts';

/** @param group the workers' name as a consumer. */
export function lagOfCentral(queue: Queue, facts: CentralQueueFacts, group: string): CentralLag {
  const isWorked = queue.workers !== 'none';
  // On a younger server new events pass for handled ones: no figure is true.
  const isKnown = isWorked && facts.missingXids === 0;
  const wanted = isWorked ? (facts.wanted ?? Number(queue.workers)) : undefined;
  return {
    queue: queue.name,
    workersWanted: wanted,
    workersRunning: facts.running,
    eventsBehind: isKnown ? facts.eventsBehind : undefined,
    isExact: isKnown && facts.isExact,
    secondsBehind: isKnown ? facts.secondsBehind : undefined,
    retrying: facts.retrying,
    dead: facts.dead,
    reason: reasonOf({ wanted, facts, group }) ?? facts.upkeepTrouble,
  };
}

function reasonOf({
  wanted,
  facts,
  group,
}: {
  wanted: number | undefined;
  facts: CentralQueueFacts;
  group: string;
}): string | undefined {
  const { queue, running } = facts;
  if (!facts.isThere) return `Queue ${queue} does not exist on central: run \`tributary install\`.`;
  if (facts.missingXids > 0) return `Queue ${queue} stands still: ${fewerXids(facts.missingXids)}.`;
  if (wanted === undefined) return undefined;
  if (!facts.hasGroup) return `Queue ${queue} has no consumer ${group}: run \`tributary install\`.`;
  if (facts.tickIsGone)
    return `A tick of ${group} on queue ${queue} (it stands at ${facts.positionTick}) does not exist any more, so what is behind is not known: move the group to one that does with pgq.register_consumer_at.`;
  if (wanted === 0)
    return running === 0 && (facts.eventsBehind ?? 0) === 0
      ? undefined
      : `Queue ${queue} is parked and its events wait: \`tributary scale ${queue} N\` gives it workers.`;
  if (facts.parked !== undefined) {
    const whose = running === 0 ? 'No worker' : `${running} of ${wanted} workers run, and no other one`;
    return `${whose} can run for queue ${queue} ${facts.parked}`;
  }
  if (running === 0)
    return `No worker runs for queue ${queue}: start \`tributary work\` or \`tributary start\`.`;
  if (running < wanted)
    return `${running} of ${wanted} workers of queue ${queue} run: see the log of \`tributary work\`, or start it on one more host.`;
  return undefined;
}
