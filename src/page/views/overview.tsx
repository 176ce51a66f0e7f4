// The first page: one sentence, what needs you, the maps, the central queues.
import { layout, staleness, state } from '../live/store.ts';
import { HeatMap, MapInWords } from '../maps/heat-map.tsx';
import { Inspector } from '../maps/inspector.tsx';
import { Legend } from '../maps/legend.tsx';
import { Empty, Titled } from '../parts/shown.tsx';
import { hashOf } from '../url/route.ts';
import { countOf } from '../words/numbers.ts';
import { Needs } from './needs.tsx';
import { QueueTable } from './queue-table.tsx';

export function Overview() {
  const now = state.value;
  // Never well from silence.
  const isKnown = now !== undefined && staleness.value === undefined;
  const isWell = isKnown && now.diagnoses.length === 0;
  return (
    <>
      <h1 class={isWell ? 'headline well' : 'headline'}>
        {now === undefined
          ? 'Waiting for the first figures.'
          : `${isKnown ? '' : 'Not known now. Before: '}${now.headline}`}
      </h1>
      <Needs needs={now?.diagnoses ?? []} />
      <Maps />
      <Titled id="queues" title="Central queues">
        {now === undefined ? <Empty>No figures yet.</Empty> : <QueueTable queues={now.queues} />}
      </Titled>
    </>
  );
}

function Maps() {
  const shown = layout.value;
  if (shown === undefined) return null;
  const shards = shown.hosts.reduce((sum, host) => sum + host.shards.length, 0);
  return (
    <Titled
      id="maps"
      title="Sources"
      note={`${countOf(shards, 'shard')} on ${countOf(shown.hosts.length, 'host')}, in each map in the same place`}
    >
      <div class={`maps ${shards > 64 ? 'many' : 'few'}`}>
        {shown.queues
          .filter(({ groupOf }) => groupOf === undefined)
          .map(({ name }) => (
            <div key={name} class="map-card">
              <h3>
                <a href={hashOf({ page: 'queue', names: [name] })}>{name}</a>
              </h3>
              <p class="in-words">
                <MapInWords queue={name} />
              </p>
              <HeatMap queue={name} hosts={shown.hosts} />
            </div>
          ))}
      </div>
      <Legend />
      <Inspector />
    </Titled>
  );
}
