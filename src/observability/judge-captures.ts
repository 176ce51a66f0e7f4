// Tables whose changes should become events: triggers that are missing, disabled or others. Pure.
import type { CapturedTable, CaptureState } from '../install/capture/judge.ts';
import { type Cause, diagnosis } from './doctor/causes.ts';
import type { Diagnosis } from './doctor/diagnosis.ts';
import type { DatabaseHealth } from './doctor/facts.ts';

const CAUSE_OF: Readonly<Record<CaptureState, Cause | undefined>> = {
  captured: undefined,
  missing: 'not-captured',
  disabled: 'not-captured',
  refused: 'not-captured',
  changed: 'capture-differs',
  'left-over': 'capture-differs',
};

const COMMANDS: Readonly<Partial<Record<CaptureState, string>>> = {
  missing: 'tributary capture install',
  disabled: 'tributary capture install',
  changed: 'tributary capture install',
  'left-over': 'tributary capture remove --left-over',
};

/** Tables that are named; more are counted by `capture status`. */
const MOST_NAMED = 5;

/** One for each capture and what is wrong with it, over all shards. */
export function captureDiagnoses(shards: readonly DatabaseHealth[]): Diagnosis[] {
  const groups = new Map<
    string,
    { readonly cause: Cause; readonly all: { shard: string; own: CapturedTable }[] }
  >();
  for (const { name: shard, captured = [] } of shards) {
    for (const own of captured) {
      const cause = CAUSE_OF[own.state];
      if (cause === undefined) continue;
      const id = `${cause} ${own.capture}`;
      groups.set(id, { cause, all: [...(groups.get(id)?.all ?? []), { shard, own }] });
    }
  }
  return [...groups.values()].map(({ cause, all }) => {
    const names = [...new Set(all.map(({ shard }) => shard))];
    const tables = [...new Set(all.map(({ own }) => own.table))];
    const capture = all[0]?.own.capture ?? '';
    const listed = `${tables.slice(0, MOST_NAMED).join(', ')}${tables.length > MOST_NAMED ? ` and ${tables.length - MOST_NAMED} more` : ''}`;
    const command = all.map(({ own }) => COMMANDS[own.state]).find((one) => one !== undefined);
    return diagnosis(cause, names, {
      severity: cause === 'not-captured' ? 'broken' : 'risk',
      sentence:
        cause === 'not-captured'
          ? `Capture ${capture}: changes of ${listed} are not captured.`
          : `Capture ${capture}: ${listed} ${tables.length === 1 ? 'is' : 'are'} not as when the triggers were made.`,
      evidence: [...new Set(all.map(({ own }) => `${own.table}: ${own.why.join('; ')}`))].slice(
        0,
        MOST_NAMED,
      ),
      ...(command === undefined
        ? { remedy: 'Do what the figures say, or take the table out of the file.' }
        : { command }),
    });
  });
}
