// The workers of one central queue: what each has at hand, its memory, its age, its restarts.
import type { QueueDetail } from '../../http/dashboard/state.ts';
import { Empty } from '../parts/shown.tsx';
import { Table } from '../parts/table.tsx';
import { shortBytes, UNKNOWN, wholeCount } from '../words/numbers.ts';
import { shortSeconds } from '../words/times.ts';

type Worker = QueueDetail['workers'][number];

export function WorkerTable({ workers }: { readonly workers: readonly Worker[] }) {
  if (workers.length === 0) return <Empty>No worker holds a slot of this queue.</Empty>;
  return (
    <Table
      caption="Workers"
      rows={workers}
      keyOf={({ slot }) => slot}
      columns={[
        { name: 'Slot', show: ({ slot }) => slot },
        { name: 'Host', show: ({ host }) => host },
        { name: 'Pid', isNumber: true, show: ({ pid }) => pid ?? UNKNOWN },
        { name: 'Batch at hand', show: (worker) => <Batch worker={worker} /> },
        { name: 'Memory', isNumber: true, show: ({ memoryBytes }) => shortBytes(memoryBytes) },
        { name: 'Age', isNumber: true, show: ({ ageSeconds }) => shortSeconds(ageSeconds) },
        { name: 'Restarts', isNumber: true, show: ({ restarts }) => restarts ?? UNKNOWN },
      ]}
    />
  );
}

function Batch({ worker: { slot, batch } }: { readonly worker: Worker }) {
  if (batch === null) return <span class="muted">idle</span>;
  const { done, events, seconds } = batch;
  return (
    <span class="batch">
      {events !== null && <progress max={Math.max(1, events)} value={done} aria-label={`${slot}: done`} />}
      {wholeCount(done)}
      {events !== null && ` of ${wholeCount(events)}`}, {shortSeconds(seconds)}
    </span>
  );
}
