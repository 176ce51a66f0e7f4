// How a source went on: the windows that were moved last and how long each stage took, who held the shard, and what holds its tables.
import { useState } from 'preact/hooks';
import type { SourceDetail, SourceOnShard } from '../../http/dashboard/state.ts';
import { useReading } from '../live/reading.ts';
import { NeededHere } from '../parts/need.tsx';
import { Empty, Figure, ProblemLine, Sentence, Titled, Unread } from '../parts/shown.tsx';
import { Table } from '../parts/table.tsx';
import { shortBytes, UNKNOWN, wholeCount } from '../words/numbers.ts';
import { type StageTimes, stageOf, toCentral, toHandled } from '../words/stages.ts';
import { secondsBetween, shortLatency, shortSeconds, shownTime } from '../words/times.ts';

interface Dated {
  readonly source: SourceDetail;
  /** Central's clock. */
  readonly now: string;
}

const SHARD_EVERY_MS = 10_000;
const FIRST_WINDOWS = 10;

export function Stages({ source }: { readonly source: SourceDetail }) {
  const { positions, handledBy } = source;
  return (
    <Titled id="stages" title="Under way" note="windows with events, of those below">
      <dl class="figures">
        <StageFigure name="Tick to central" stage={stageOf(positions, toCentral)} />
        {handledBy.length > 0 && (
          <StageFigure name="Central to handled" stage={stageOf(positions, toHandled)} />
        )}
        {handledBy.map(({ name, delivered }) => (
          <Figure key={name} name="Insert to handler" note={`half of all events of ${name}, last minute`}>
            {shortLatency(delivered)}
          </Figure>
        ))}
      </dl>
    </Titled>
  );
}

function StageFigure({ name, stage }: { readonly name: string; readonly stage: StageTimes | undefined }) {
  const note =
    stage === undefined
      ? undefined
      : `median of ${wholeCount(stage.windows)}, longest ${shortLatency(stage.longest)}`;
  return (
    <Figure name={name} note={note}>
      {shortLatency(stage?.median)}
    </Figure>
  );
}

export function Windows({ source, now }: Dated) {
  const { positions } = source;
  const [isWhole, setWhole] = useState(false);
  const more = positions.length - FIRST_WINDOWS;
  return (
    <Titled id="positions" title="Windows" note="what was moved with each commit, the newest first">
      {positions.length === 0 ? (
        <Empty>It has not been moved yet.</Empty>
      ) : (
        <Table
          caption="Windows"
          rows={isWhole ? positions : positions.slice(0, FIRST_WINDOWS)}
          keyOf={({ at, tick, events }) => `${at} ${tick} ${events}`}
          columns={[
            { name: 'Moved at', show: ({ at }) => <time dateTime={at}>{shownTime(at, now)}</time> },
            { name: 'Ticks', isNumber: true, show: ticksOf },
            {
              name: 'Events',
              isNumber: true,
              show: ({ events }) => (events === null ? UNKNOWN : wholeCount(events)),
            },
            { name: 'Tick to central', isNumber: true, show: (one) => shortLatency(toCentral(one)) },
            { name: 'Central to handled', isNumber: true, show: (one) => shortLatency(toHandled(one)) },
            { name: 'Mover', show: ({ mover }) => mover ?? UNKNOWN },
          ]}
        />
      )}
      {more > 0 && (
        <button type="button" class="quiet" aria-expanded={isWhole} onClick={() => setWhole(!isWhole)}>
          {isWhole ? 'Show fewer' : `Show ${more} more`}
        </button>
      )}
    </Titled>
  );
}

/** `1,204 – 1,207`: from where to where, as far as that is known; a part of a window ends before its last tick. */
const ticksOf = ({ fromTick, tick, isPart }: SourceDetail['positions'][number]): string =>
  `${fromTick === null ? 'up to ' : `${wholeCount(fromTick)} – `}${wholeCount(tick)}${isPart ? ', a part' : ''}`;

export function Holders({ source: { holders }, now }: Dated) {
  return (
    <Titled id="holders" title="Who held the shard" note="the last 20 terms">
      {holders.length === 0 ? (
        <Empty>No mover has held it.</Empty>
      ) : (
        <Table
          caption="Movers that held the shard"
          rows={holders}
          keyOf={({ since, host }) => `${since} ${host}`}
          columns={[
            { name: 'Host', show: ({ host }) => host ?? UNKNOWN },
            { name: 'Pid', isNumber: true, show: ({ pid }) => pid ?? UNKNOWN },
            { name: 'From', show: ({ since }) => <time dateTime={since}>{shownTime(since, now)}</time> },
            {
              name: 'For',
              isNumber: true,
              show: ({ since, until }) => shortSeconds(secondsBetween(since, until ?? now)),
            },
            {
              name: 'Ended',
              show: ({ until, wasLetGo }) =>
                until === null
                  ? 'holds it now'
                  : `${wasLetGo ? 'let go at' : 'silent since'} ${shownTime(until, now)}`,
            },
          ]}
        />
      )}
    </Titled>
  );
}

/** Asked of the shard, by the host that serves this page. */
export function OnShard({ shard, queue }: { readonly shard: string; readonly queue: string }) {
  const path = `api/source/shard?${new URLSearchParams({ shard, queue })}`;
  const { value, error } = useReading<SourceOnShard>(path, SHARD_EVERY_MS);
  return (
    <Titled id="on-shard" title="On its shard" note="asked of the shard by the host that serves this page">
      {value === undefined ? (
        <Unread error={error} what="the shard" />
      ) : value.reason !== null ? (
        <ProblemLine sentence={value.reason} />
      ) : (
        <HeldFigures held={value} />
      )}
      {value !== undefined && value.captured.length > 0 && <Captured tables={value.captured} />}
      {value?.diagnoses.map((need) => (
        <NeededHere key={`${need.cause} ${need.sentence}`} need={need} />
      ))}
    </Titled>
  );
}

function HeldFigures({ held }: { readonly held: SourceOnShard }) {
  const { bytes, bytesAnHour, rotatedAgo, rotatesEvery, consumer, consumerAge, isOurs } = held;
  return (
    <>
      <dl class="figures">
        <Figure name="Held by its tables" note={`about ${shortBytes(bytesAnHour)} more an hour`}>
          {shortBytes(bytes)}
        </Figure>
        <Figure
          name="Last rotation"
          note={
            rotatesEvery === null
              ? 'it never rotates'
              : `not more often than every ${shortSeconds(rotatesEvery)}`
          }
        >
          {rotatedAgo === null ? UNKNOWN : `${shortSeconds(rotatedAgo)} ago`}
        </Figure>
        <Figure name="Furthest behind" note={consumer ?? undefined}>
          {consumer === null ? 'no consumer' : shortSeconds(consumerAge)}
        </Figure>
      </dl>
      <p class="note">
        <Sentence text={holdSentence(consumer, isOurs)} />
      </p>
    </>
  );
}

/** Whose events come from triggers on tables. */
function Captured({ tables }: { readonly tables: SourceOnShard['captured'] }) {
  return (
    <Table
      caption="Captured tables"
      rows={tables}
      keyOf={({ capture, table }) => `${capture} ${table}`}
      columns={[
        { name: 'Captured table', show: ({ table }) => table },
        { name: 'Capture', show: ({ capture }) => capture },
        {
          name: 'State',
          show: ({ state, why }) => (why.length === 0 ? state : `${state}: ${why.join('; ')}`),
        },
      ]}
    />
  );
}

function holdSentence(consumer: string | null, isOurs: boolean): string {
  if (consumer === null) return 'Nothing holds its tables: no consumer is registered.';
  return isOurs
    ? `Its tables are held by \`${consumer}\`, which follows the position above within seconds.`
    : `Its tables are held by \`${consumer}\`, a consumer of somebody else.`;
}
