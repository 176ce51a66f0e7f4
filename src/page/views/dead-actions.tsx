// Another try for one of several dead events that are alike, then for the rest; or discarding them.
import { useState } from 'preact/hooks';
import type { DeadAlike } from '../../http/dashboard/state.ts';
import { Ask, Outcome, useAction } from '../parts/action.tsx';
import { countOf, wholeCount } from '../words/numbers.ts';

const PER_SECOND = 50;

export function DeadActions({ group, after }: { readonly group: DeadAlike; after(): void }) {
  const { queue, kind, error, count } = group;
  const course = useAction(after);
  const [wasOneRetried, setRetried] = useState(false);
  const which = { queue, kind, error };
  const retryOne = async () => {
    const body = { ...which, count: 1 };
    if (await course.run('api/dead/retry', body, 'One is tried again: see whether it comes back here.'))
      setRetried(true);
  };
  const retryRest = () =>
    void course.run(
      'api/dead/retry',
      { ...which, perSecond: PER_SECOND },
      `All of them are tried again, ${PER_SECOND} a second.`,
    );
  return (
    <>
      <button type="button" disabled={course.isUnderWay} onClick={() => void retryOne()}>
        Retry one
      </button>
      <button
        type="button"
        disabled={course.isUnderWay || !wasOneRetried}
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
        onSure={() =>
          void course.run('api/dead/discard', { ...which, count }, `${countOf(count, 'event')} discarded.`)
        }
      >
        <p>They are gone for good. No handler gets them again.</p>
      </Ask>
      <Outcome course={course} />
    </>
  );
}
