// One source: its state, its figures, and what the views beside this one show of it; and pausing it.
import { Fragment } from 'preact';
import type { DashboardState, SourceDetail } from '../../http/dashboard/state.ts';
import { useReading } from '../live/reading.ts';
import { layout, state } from '../live/store.ts';
import { Ask, Outcome, useAction } from '../parts/action.tsx';
import { NeededHere } from '../parts/need.tsx';
import { Empty, Figure, ProblemLine, Sentence, StateBadge } from '../parts/shown.tsx';
import { hashOf } from '../url/route.ts';
import { shortCount, UNKNOWN } from '../words/numbers.ts';
import { shortSeconds } from '../words/times.ts';
import { Holders, OnShard, Stages, Windows } from './source-history.tsx';

const EVERY_MS = 2_000;

export function SourcePage({ shard, queue }: { readonly shard: string; readonly queue: string }) {
  const path = `api/source?${new URLSearchParams({ shard, queue })}`;
  const { value, error, again } = useReading<SourceDetail>(path, EVERY_MS);
  return (
    <>
      <div class="page-head">
        <p class="crumb">Source</p>
        <h1>
          {shard}:{queue}
        </h1>
        {value !== undefined && <StateBadge state={value.state} />}
        {value !== undefined && layout.value?.actions && <SourceActions source={value} after={again} />}
      </div>
      <Siblings shard={shard} queue={queue} />
      {error !== undefined && <ProblemLine sentence={error} />}
      {value === undefined ? (
        error === undefined && <Empty>Asking for the source.</Empty>
      ) : (
        <Detail source={value} />
      )}
    </>
  );
}

/** All sources of the shard, to go from one to the other. */
function Siblings({ shard, queue }: { readonly shard: string; readonly queue: string }) {
  // One with routes is named by several central queues.
  const all = new Set(layout.value?.queues.flatMap(({ from }) => from));
  return (
    <nav class="tabs" aria-label={`Sources of ${shard}`}>
      {[...all].map((name) => (
        <a
          key={name}
          href={hashOf({ page: 'source', names: [shard, name] })}
          aria-current={name === queue ? 'page' : undefined}
        >
          {name}
        </a>
      ))}
    </nav>
  );
}

function Detail({ source }: { readonly source: SourceDetail }) {
  const now = state.value?.at ?? new Date(0).toISOString();
  const needs = (state.value?.diagnoses ?? []).filter((need) => concerns(need, source));
  // What needs somebody says the reason as well, and what to do.
  const isSaid = needs.some(({ of }) => of === 'source');
  return (
    <>
      {source.reason !== null && !isSaid && (
        <p class="reason wide">
          <Sentence text={source.reason} />
        </p>
      )}
      {needs.map((need) => (
        <NeededHere key={need.cause} need={need} />
      ))}
      <dl class="figures">
        <Figure name="Oldest not moved">{shortSeconds(source.age)}</Figure>
        <Figure name="Not moved">{shortCount(source.unmoved)}</Figure>
        <Figure
          name="Moved"
          note={`since it was installed${source.centralQueues.length > 1 ? ', each copy counted' : ''}`}
        >
          {shortCount(source.moved)}
        </Figure>
        <Figure name={source.centralQueues.length === 1 ? 'Central queue' : 'Central queues'}>
          {source.centralQueues.map((name, at) => (
            <Fragment key={name}>
              {at > 0 && ', '}
              <a href={hashOf({ page: 'queue', names: [name] })}>{name}</a>
            </Fragment>
          ))}
        </Figure>
        <Figure name="Mover">{source.mover ?? UNKNOWN}</Figure>
        <Figure name="Provider">{source.provider ?? UNKNOWN}</Figure>
      </dl>
      <Stages source={source} />
      <Windows source={source} now={now} />
      <Holders source={source} now={now} />
      <OnShard shard={source.shard} queue={source.queue} />
    </>
  );
}

const concerns = (
  { of, names }: DashboardState['diagnoses'][number],
  { shard, queue }: Pick<SourceDetail, 'shard' | 'queue'>,
): boolean =>
  (of === 'source' && names.includes(`${shard}:${queue}`)) || (of === 'shard' && names.includes(shard));

function SourceActions({ source, after }: { readonly source: SourceDetail; after(): void }) {
  const course = useAction(after);
  const { shard, queue, state: is } = source;
  const name = `${shard}:${queue}`;
  return (
    <div class="actions">
      {is === 'paused' ? (
        <button
          type="button"
          class="main"
          disabled={course.isUnderWay}
          onClick={() => void course.run('api/resume', { shard, queue })}
        >
          Resume
        </button>
      ) : (
        <Ask
          label="Pause"
          title={`Pause ${name}?`}
          field={{ name: 'Reason, for all who see it', hint: 'database is being moved' }}
          sure="Pause"
          onSure={(reason) => void course.run('api/pause', { shard, queue, reason })}
        >
          <p>Nothing more is moved from it until somebody resumes it. Its events wait on the shard.</p>
        </Ask>
      )}
      <Outcome course={course} />
    </div>
  );
}
