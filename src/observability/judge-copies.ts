// Copies of tables of shards that were begun and do not get on. Pure.
import { sentenceAge } from '../errors/age.ts';
import { counted } from '../errors/words.ts';
import { TIMING } from '../lifecycle/timing.ts';
import { diagnosis } from './doctor/causes.ts';
import type { Diagnosis } from './doctor/diagnosis.ts';
import type { CopyStanding } from './doctor/facts.ts';

/** Tables that are named; more are listed by `apply status`. */
const MOST_NAMED = 5;

/** One for each queue and what was being done. */
export function copyDiagnoses(copies: readonly CopyStanding[]): Diagnosis[] {
  const groups = new Map<string, CopyStanding[]>();
  for (const copy of copies) {
    const id = `${copy.state} ${copy.queue}`;
    groups.set(id, [...(groups.get(id) ?? []), copy]);
  }
  return [...groups.values()].flatMap((all) => {
    const [first] = all;
    // Some are copied at a time, and the others wait for their turn.
    const seconds = Math.min(...all.map((one) => one.seconds));
    if (first === undefined || seconds < TIMING.doctor.copySeconds) return [];
    const { queue, state } = first;
    const isCopy = state === 'copying';
    return [
      diagnosis('copy-stopped', [queue], {
        severity: 'broken',
        sentence: `Queue ${queue}: ${isCopy ? 'the copy' : 'the repair'} of ${
          all.length === 1 ? `${first.source} of shard ${first.shard}` : counted(all.length, 'table')
        } has stood still for ${sentenceAge(seconds)}, since ${new Date(first.nowMs - seconds * 1_000).toISOString()}.`,
        evidence: all
          .slice(0, MOST_NAMED)
          .map(
            (one) =>
              `${one.source} of shard ${one.shard}, ${counted(one.rows, 'row')} in ${one.applied}: ${whyStands(one)}`,
          ),
        command: isCopy ? `tributary apply copy ${queue}` : `tributary compare ${queue} --repair`,
      }),
    ];
  });
}

function whyStands({ trouble, isAtWork, waitsFor }: CopyStanding): string {
  if (isAtWork)
    return waitsFor === undefined
      ? 'the command that copies is at work and gets no answer'
      : `the command that copies waits for session ${waitsFor}`;
  return trouble ?? 'the command that copied has ended';
}
