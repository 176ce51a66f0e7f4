// Retries that go on behind the page, each with how far it is; stopping one.
import type { DashboardState } from '../../http/dashboard/state.ts';
import { layout, state } from '../live/store.ts';
import { Outcome, useAction } from '../parts/action.tsx';
import { ErrorText, Titled } from '../parts/shown.tsx';
import { shortCount, wholeCount } from '../words/numbers.ts';
import { shortSeconds } from '../words/times.ts';

type Retry = DashboardState['retries'][number];

/** @param queue those of this one only, and those of several. */
export function RetriesUnderWay({ queue, after }: { readonly queue: string | undefined; after(): void }) {
  const retries = (state.value?.retries ?? []).filter(
    (one) => queue === undefined || one.queue === null || one.queue === queue,
  );
  if (retries.length === 0) return null;
  return (
    <Titled id="retries" title="Being retried">
      <ol class="dead-groups">
        {retries.map((retry) => (
          <li key={retry.id}>
            <RetryCard retry={retry} after={after} />
          </li>
        ))}
      </ol>
    </Titled>
  );
}

function RetryCard({ retry, after }: { readonly retry: Retry; after(): void }) {
  const { id, queue, kind, error, what, done, events, perSecond } = retry;
  const course = useAction(after);
  const pace =
    perSecond === null
      ? ''
      : `, ${shortCount(perSecond)} a second, ${shortSeconds(Math.max(0, events - done) / perSecond)} more`;
  return (
    <article class="dead-group">
      <p class="dead-head">
        <strong>
          {wholeCount(done)} of {wholeCount(events)} events
        </strong>
        {queue !== null && <span>{queue}</span>}
        {kind !== null && <span class="tag">{kind}</span>}
        <span class="muted">
          by {whoOf(retry)}
          {pace}
        </span>
      </p>
      {error === null ? <p class="note">{what}</p> : <ErrorText text={error} />}
      <div class="actions">
        <progress
          max={Math.max(1, events)}
          value={done}
          aria-label={`Retried of ${queue ?? 'several queues'}`}
        />
        {layout.value?.actions && (
          <button
            type="button"
            disabled={course.isUnderWay}
            onClick={() => void course.run('api/dead/retry/stop', { id })}
          >
            Stop
          </button>
        )}
        <Outcome course={course} />
      </div>
    </article>
  );
}

/** Of a command the name has its machine already. */
function whoOf({ who, host }: Retry): string {
  if (who === null) return host;
  return who.endsWith(`@${host}`) ? who : `${who} on ${host}`;
}
