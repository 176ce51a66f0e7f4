// The steps of one event, one below the other: on its shard, moved, on central, each try, what became of it, what was sent on.
import { type ComponentChildren, Fragment } from 'preact';
import type { SentOn, Trace, TracedTry } from '../../observability/trace/shape.ts';
import { state } from '../live/store.ts';
import { hashOf } from '../url/route.ts';
import { countOf } from '../words/numbers.ts';
import { preciseTime, shortLatency } from '../words/times.ts';

type StepTone = 'failed' | 'open' | undefined;

export function TraceSteps({ trace }: { readonly trace: Trace }) {
  const { shard, move, central, tries, sent } = trace;
  // Of each group, where its queue has several.
  const ends = trace.groups ?? [{ ...trace, group: '' }];
  return (
    <ol class="steps">
      {shard !== null && (
        <Step at={shard.time} title={`Inserted on ${shard.shard}`}>
          Event {shard.id} of queue{' '}
          <a href={hashOf({ page: 'source', names: [shard.shard, shard.queue] })}>{shard.queue}</a>
          {shard.type !== null && <>, type {shard.type}</>}, in transaction {shard.transaction}.
        </Step>
      )}
      {shard?.seenBy && (
        <Step at={shard.seenBy.at} title="Committed">
          Seen by tick {shard.seenBy.id}
          {shard.notSeenBy !== null && <>, not by tick {shard.notSeenBy.id}</>}.
        </Step>
      )}
      {move !== null && (
        <Step at={move.at} title="Moved">
          {move.mover === null ? 'By a command or an older mover' : `By the mover of ${move.mover}`}, position{' '}
          {move.n}
          {move.transaction !== null && <>, central transaction {move.transaction}</>}.
        </Step>
      )}
      {central !== null && (
        <Step at={central.seenBy?.at ?? null} title="On central">
          Event {central.id} of queue{' '}
          <a href={hashOf({ page: 'queue', names: [central.queue] })}>{central.queue}</a>
          {central.seenBy !== null && <>, seen by tick {central.seenBy.id}</>}.
        </Step>
      )}
      {tries.map((one) => (
        <TryStep key={`${one.at} ${one.worker}`} one={one} />
      ))}
      {ends.map(({ group, retry, dead }) => (
        <Fragment key={group}>
          {retry !== null && (
            <Step at={retry.nextAt} title={ofGroup('Next try', group)} tone="open">
              After {countOf(retry.attempts, 'try', 'tries')}.{' '}
              {retry.error !== null && <code>{retry.error}</code>}
            </Step>
          )}
          {dead !== null && (
            <Step at={dead.diedAt} title={ofGroup('Dead', group)} tone="failed">
              {dead.kind}, after {countOf(dead.attempts, 'try', 'tries')}. <code>{dead.error}</code>
              {dead.redrivenAt !== null && <> Handed out again {shown(dead.redrivenAt)}.</>}
            </Step>
          )}
        </Fragment>
      ))}
      {sent.map((one) => (
        <Sent key={one.origin} one={one} />
      ))}
    </ol>
  );
}

const ofGroup = (what: string, group: string): string => (group === '' ? what : `${what} in ${group}`);

function TryStep({ one }: { readonly one: TracedTry }) {
  const words = { done: 'Handled', 'put-off': 'Put off', dead: 'Given up' }[one.became];
  return (
    <Step
      at={one.at}
      title={ofGroup(words, one.group ?? '')}
      tone={one.became === 'done' ? undefined : 'failed'}
    >
      By {one.worker}
      {one.host !== null && <> on {one.host}</>}, pid {one.pid}, in batch {one.batch.startTick} to{' '}
      {one.batch.endTick}; the handler took {shortLatency(one.handlerMs / 1_000)} for{' '}
      {countOf(one.events, 'event')}.{one.error !== null && <code>{one.error}</code>}
    </Step>
  );
}

function Sent({ one }: { readonly one: SentOn }) {
  return (
    <Step at={null} title={`Sent on to ${one.queue}`}>
      <a href={hashOf({ page: 'find', options: { origin: one.origin } })}>{one.origin}</a>: {one.summary}
      {one.sent.length > 0 && (
        <ol class="steps">
          {one.sent.map((next) => (
            <Sent key={next.origin} one={next} />
          ))}
        </ol>
      )}
    </Step>
  );
}

function Step(props: {
  readonly at: string | null;
  readonly title: string;
  readonly tone?: StepTone;
  readonly children: ComponentChildren;
}) {
  const { at, title, tone, children } = props;
  return (
    <li class={tone ?? ''}>
      <time dateTime={at ?? undefined}>{at === null ? '' : shown(at)}</time>
      <div>
        <strong>{title}</strong>
        <p>{children}</p>
      </div>
    </li>
  );
}

const shown = (at: string): string => preciseTime(at, state.value?.at ?? at);

export function Payload({ payload }: { readonly payload: NonNullable<Trace['payload']> }) {
  return (
    <dl class="sample card">
      {Object.entries(payload)
        .filter(([, value]) => value !== null)
        .map(([name, value]) => (
          <div key={name}>
            <dt>{name}</dt>
            <dd>{value}</dd>
          </div>
        ))}
    </dl>
  );
}
