// Another try for one of several dead events that are alike, then for the rest; or discarding them.
import { useState } from 'preact/hooks';
import type { DeadAlike } from '../../http/dashboard/state.ts';
import { state } from '../live/store.ts';
import { Ask, Outcome, useAction } from '../parts/action.tsx';
import { countOf, wholeCount } from '../words/numbers.ts';

const PER_SECOND = 50;

export function DeadActions({ group, after }: { readonly group: DeadAlike; after(): void }) {
  const { queue, kind, error, count } = group;
  const course = useAction(after);
  const isRetried = state.value?.retries.some(
    (one) => one.queue === queue && one.kind === kind && one.error === error,
  );
  const [wasOneRetried, setRetried] = useState(false);
  const which = { queue, kind, error };
  const retryOne = async () => {
    if (await course.run('api/dead/retry', { ...which, count: 1 })) setRetried(true);
  };
  const retryRest = () => void course.run('api/dead/retry', { ...which, perSecond: PER_SECOND });
  return (
    <>
      <button type="button" disabled={course.isUnderWay || isRetried} onClick={() => void retryOne()}>
        Retry one
      </button>
      <button
        type="button"
        disabled={course.isUnderWay || !wasOneRetried || isRetried}
        title={wasOneRetried ? '' : 'Retry one first, and see what becomes of it'}
        onClick={retryRest}
      >
        Then the rest at {PER_SECOND}/s
      </button>
      <Ask
        label="Discard"
        tone="danger"
        title={`Discard ${countOf(count, 'dead event')} of ${queue}?`}
        field={{ name: `Type ${count} to discard them`, wanted: String(count) }}
        sure={`Discard ${wholeCount(count)}`}
        onSure={() => void course.run('api/dead/discard', { ...which, count })}
      >
        <p>They are gone for good. No handler gets them again.</p>
      </Ask>
      <Outcome course={course} />
    </>
  );
}
