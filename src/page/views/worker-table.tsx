// The workers of one central queue: what each has at hand, its memory, its age, its restarts.
import type { QueueDetail } from '../../http/dashboard/state.ts';
import { Empty } from '../parts/shown.tsx';
import { Table, type TableColumn } from '../parts/table.tsx';
import { shortBytes, UNKNOWN, wholeCount } from '../words/numbers.ts';
import { shortSeconds } from '../words/times.ts';

type Worker = QueueDetail['workers'][number];

export function WorkerTable({ workers }: { readonly workers: readonly Worker[] }) {
  if (workers.length === 0) return <Empty>No worker holds a slot of this queue.</Empty>;
  /** A column only where it is known of any. */
  const known = (
    name: string,
    figureOf: (worker: Worker) => number | null,
    show: (value: number) => string,
  ): TableColumn<Worker>[] => {
    if (workers.every((worker) => figureOf(worker) === null)) return [];
    const shown = (worker: Worker) => {
      const value = figureOf(worker);
      return value === null ? UNKNOWN : show(value);
    };
    return [{ name, isNumber: true, show: shown }];
  };
  return (
    <Table
      caption="Workers"
      rows={workers}
      keyOf={({ slot }) => slot}
      columns={[
        { name: 'Slot', show: ({ slot }) => slot },
        { name: 'Host', show: ({ host }) => host },
        ...known('Pid', ({ pid }) => pid, String),
        { name: 'Batch at hand', show: (worker) => <Batch worker={worker} /> },
        ...known('Memory', ({ memoryBytes }) => memoryBytes, shortBytes),
        ...known('Age', ({ ageSeconds }) => ageSeconds, shortSeconds),
        ...known('Restarts', ({ restarts }) => restarts, String),
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
