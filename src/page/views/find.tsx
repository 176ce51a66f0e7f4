// Finds one event by its origin, and follows it from its shard to what its handler did.
import { useEffect, useRef, useState } from 'preact/hooks';
import type { Trace } from '../../observability/trace/shape.ts';
import { useReading } from '../live/reading.ts';
import { route, state } from '../live/store.ts';
import { Empty, ProblemLine, Sentence } from '../parts/shown.tsx';
import { hashOf } from '../url/route.ts';
import { preciseTime } from '../words/times.ts';
import { Payload, TraceSteps } from './trace-steps.tsx';

const EVERY_MS = 3_000;
/** What does not change any more is not asked for again. */
const OVER: readonly Trace['state'][] = [
  'handled',
  'dead',
  'forwarded',
  'passed',
  'left-out',
  'cancelled',
  'unknown',
];

export function Find() {
  const origin = route.value.options.origin ?? '';
  return (
    <>
      <div class="page-head">
        <h1>Find an event</h1>
        <p class="note">By its origin, as dead events and what handlers log show it.</p>
      </div>
      <OriginForm origin={origin} />
      {origin === '' ? (
        <Empty>
          Paste an origin such as app_017:orders:4711 to see where its event is, and where it was.
        </Empty>
      ) : (
        <Found key={origin} origin={origin} />
      )}
    </>
  );
}

function OriginForm({ origin }: { readonly origin: string }) {
  const [typed, setTyped] = useState(origin);
  const field = useRef<HTMLInputElement>(null);
  useEffect(() => setTyped(origin), [origin]);
  useEffect(() => field.current?.focus(), []);
  const find = (event: Event) => {
    event.preventDefault();
    location.hash = hashOf({ page: 'find', options: { origin: typed.trim() } });
  };
  return (
    <form class="find" onSubmit={find}>
      <label>
        <span class="unseen">Origin</span>
        <input
          ref={field}
          type="text"
          placeholder="shard:queue:id"
          autocomplete="off"
          autocapitalize="off"
          spellcheck={false}
          value={typed}
          onInput={({ currentTarget }) => setTyped(currentTarget.value)}
        />
      </label>
      <button type="submit" class="main">
        Find
      </button>
    </form>
  );
}

function Found({ origin }: { readonly origin: string }) {
  const [isOver, setOver] = useState(false);
  const [isPayloadShown, setPayloadShown] = useState(false);
  const query = new URLSearchParams({ origin, ...(isPayloadShown ? { data: '1' } : {}) });
  const { value, error } = useReading<Trace>(`api/trace?${query}`, isOver ? undefined : EVERY_MS);
  const last = useRef<Trace>(undefined);
  if (value !== undefined) last.current = value;
  const trace = last.current;
  useEffect(() => {
    const states = [value, ...(value?.copies ?? [])].flatMap((one) => one?.state ?? []);
    if (value !== undefined) setOver(states.every((one) => OVER.includes(one)));
  }, [value]);
  if (trace === undefined)
    return error === undefined ? <Empty>Looking for {origin}.</Empty> : <ProblemLine sentence={error} />;
  return (
    <>
      {error !== undefined && <ProblemLine sentence={error} />}
      <div role="status">
        <Verdicts trace={trace} />
      </div>
      <TraceSteps trace={trace} />
      {trace.notes.map((note) => (
        <p key={note} class="note">
          {note}
        </p>
      ))}
      {trace.payload === null ? (
        <p>
          <button type="button" onClick={() => setPayloadShown(true)} disabled={isPayloadShown}>
            Show its data
          </button>
        </p>
      ) : (
        <Payload payload={trace.payload} />
      )}
    </>
  );
}

/** One, or one of each group of its queue; and of the copies in other central queues. */
function Verdicts({ trace }: { readonly trace: Trace }) {
  const { central, copies = [], groups, state, summary } = trace;
  const own = groups?.map((one) => ({ ...one, of: one.group })) ?? [
    { state, summary, of: copies.length === 0 ? undefined : central?.queue },
  ];
  const others = copies.map((one) => ({ ...one, of: one.queue ?? undefined }));
  return (
    <>
      {[...own, ...others].map((one) => (
        <p key={one.of} class={`verdict t-${one.state}`}>
          <b>{one.state}</b>
          <span>
            {one.of !== undefined && <strong>{one.of}: </strong>}
            <Dated text={one.summary} />
          </span>
        </p>
      ))}
    </>
  );
}

const TIME = /(\d{4}-\d\d-\d\dT[\d:.]+Z)/;

/** A sentence whose times are those of the reader, as in the steps below it. */
function Dated({ text }: { readonly text: string }) {
  const now = state.value?.at ?? '';
  return (
    <>
      {text.split(TIME).map((part, at) =>
        at % 2 === 0 ? (
          <Sentence key={`${at} ${part}`} text={part} />
        ) : (
          <time key={`${at} ${part}`} dateTime={part} title={part}>
            {preciseTime(part, now || part)}
          </time>
        ),
      )}
    </>
  );
}
