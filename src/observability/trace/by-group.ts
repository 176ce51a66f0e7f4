// The verdicts about an event in each of the groups of its queue, and what they come to together. Pure.
import type { HandlingFacts } from './handled.ts';
import type { Verdict } from './judge.ts';
import type { TracedGroup, TracedRetry, TraceState } from './shape.ts';

export interface SeenByGroup extends Verdict {
  /** Undefined: the queue has one group, without a name. */
  readonly group: string | undefined;
  readonly handling: HandlingFacts;
}

/** What needs somebody first, then what is not done yet. */
const ORDER: readonly TraceState[] = [
  ...(['dead', 'retrying', 'working', 'waiting', 'passed', 'unknown', 'forwarded', 'handled'] as const),
];

/** @param groups at least one. */
export function overGroups(
  groups: readonly SeenByGroup[],
): Verdict & Pick<SeenByGroup, 'handling'> & { readonly groups: readonly TracedGroup[] } {
  const [first] = groups as [SeenByGroup];
  if (groups.length === 1 && first.group === undefined)
    return { state: first.state, summary: first.summary, handling: first.handling, groups: [] };
  const place = ({ state }: SeenByGroup) => ORDER.indexOf(state);
  const [worst = first] = groups.toSorted((one, other) => place(one) - place(other));
  return {
    state: worst.state,
    summary: groups.map(({ group, summary }) => `${group}: ${summary}`).join(' '),
    // Of the group that the state is of; the tries are of all, and each names its worker.
    handling: {
      ...worst.handling,
      tries: groups
        .flatMap(({ group, handling }) => handling.tries.map((one) => ({ ...one, ...(group && { group }) })))
        .toSorted((one, other) => Number(one.at > other.at) - Number(one.at < other.at)),
      isUnsure: groups.some(({ handling }) => handling.isUnsure),
    },
    groups: groups.map(({ group = '', state, summary, handling }) => ({
      ...{ group, state, summary },
      retry: retryOf(handling),
      dead: handling.dead ?? null,
    })),
  };
}

/** As a trace shows it. */
export const retryOf = ({ retry }: Pick<HandlingFacts, 'retry'>): TracedRetry | null =>
  retry === undefined ? null : { attempts: retry.attempts, error: retry.error, nextAt: retry.nextAt };
