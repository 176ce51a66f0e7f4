// Dead events, those that are alike together: the error, a sample on demand, another try for one and then for the rest, discarding.
import { useState } from 'preact/hooks';
import type { DeadAlike } from '../../http/dashboard/state.ts';
import { useReading } from '../live/reading.ts';
import { layout, route, state } from '../live/store.ts';
import { Empty, ErrorText, ProblemLine, Unread } from '../parts/shown.tsx';
import { hashOf } from '../url/route.ts';
import { countOf } from '../words/numbers.ts';
import { shownTime } from '../words/times.ts';
import { DeadActions } from './dead-actions.tsx';
import { RetriesUnderWay } from './retries.tsx';

const EVERY_MS = 5_000;

export function DeadEvents() {
  const queue = route.value.options.queue;
  const { value, error, again } = useReading<readonly DeadAlike[]>('api/dead', EVERY_MS);
  const groups = value?.filter((group) => queue === undefined || group.queue === queue);
  return (
    <>
      <div class="page-head">
        <h1>Dead events{queue === undefined ? '' : ` of ${queue}`}</h1>
        <p class="note">
          Given up, and kept with their errors until they are retried or discarded.
          {queue !== undefined && (
            <>
              {' '}
              <a href={hashOf({ page: 'dead' })}>All queues</a>
            </>
          )}
        </p>
      </div>
      {error !== undefined && value !== undefined && <ProblemLine sentence={error} />}
      <RetriesUnderWay queue={queue} after={again} />
      {groups === undefined ? (
        <Unread error={error} what="dead events" />
      ) : groups.length === 0 ? (
        <Empty>No event was given up.</Empty>
      ) : (
        <ol class="dead-groups">
          {groups.map((group) => (
            <li key={`${group.queue} ${group.kind} ${group.error}`}>
              <Group group={group} after={again} />
            </li>
          ))}
        </ol>
      )}
    </>
  );
}

function Group({ group, after }: { readonly group: DeadAlike; after(): void }) {
  const [isOpen, setOpen] = useState(false);
  const { queue, kind, error, count, oldestAt, newestAt } = group;
  const now = state.value?.at ?? '';
  return (
    <article class="dead-group">
      <p class="dead-head">
        <strong>{countOf(count, 'event')}</strong>
        <a href={hashOf({ page: 'queue', names: [queue] })}>{queue}</a>
        <span class="tag">{kind}</span>
        <span class="muted">
          {shownTime(oldestAt, now)}
          {oldestAt !== newestAt && ` to ${shownTime(newestAt, now)}`}
        </span>
      </p>
      <ErrorText text={error} />
      <div class="actions">
        <button type="button" class="quiet" aria-expanded={isOpen} onClick={() => setOpen(!isOpen)}>
          {isOpen ? 'Hide the sample' : 'Show a sample'}
        </button>
        {layout.value?.actions && <DeadActions group={group} after={after} />}
      </div>
      {isOpen && <Sample group={group} />}
    </article>
  );
}

/** Read only now: what is in events is not shown unasked. */
function Sample({ group: { queue, sampleId } }: { readonly group: DeadAlike }) {
  const path = `api/dead/sample?${new URLSearchParams({ queue, id: String(sampleId) })}`;
  const { value, error } = useReading<Readonly<Record<string, unknown>>>(path);
  if (value === undefined) return <Unread error={error} what="a sample" />;
  return (
    <dl class="sample">
      {Object.entries(value)
        .filter(([, one]) => one !== null && one !== '')
        .map(([name, one]) => (
          <div key={name}>
            <dt>{name}</dt>
            <dd>{name === 'origin' ? <Traced origin={String(one)} /> : textOf(one)}</dd>
          </div>
        ))}
    </dl>
  );
}

const textOf = (value: unknown): string => (typeof value === 'string' ? value : JSON.stringify(value));

function Traced({ origin }: { readonly origin: string }) {
  return <a href={hashOf({ page: 'find', options: { origin } })}>{origin}</a>;
}
