// The map of one central queue: a row per host, a cell per shard, the same in every map. Arrow keys go from cell to cell.
import { useSignalEffect } from '@preact/signals';
import { useMemo, useRef, useState } from 'preact/hooks';
import type { Layout } from '../../http/dashboard/state.ts';
import { layout, state } from '../live/store.ts';
import { hashOf } from '../url/route.ts';
import { cellsInWords } from '../words/states.ts';
import { CellPainter } from './cell-painter.ts';
import { inspected } from './inspected.ts';
import { cellAfterKey, type MapShape, shapeOf } from './shape.ts';

type Hosts = Layout['hosts'];

/** Drawn once for a layout: what changes every second is painted without rendering anything. */
export function HeatMap({ queue, hosts }: { queue: string; hosts: Hosts }) {
  const shape = useMemo(() => shapeOf(hosts), [hosts]);
  const root = useRef<HTMLDivElement>(null);
  const painter = useRef<{ of: Element; hosts: Hosts; it: CellPainter }>(undefined);
  const [current, setCurrent] = useState(0);
  const marked = useRef<Element>(undefined);

  const cellsIn = (element: HTMLElement) => [...element.querySelectorAll<HTMLElement>('.cell')];
  useSignalEffect(() => {
    const cells = state.value?.cells[queue] ?? [];
    const element = root.current;
    if (element === null) return;
    if (painter.current?.of !== element || painter.current.hosts !== hosts) {
      const shards = hosts.flatMap((host) => host.shards);
      painter.current = { of: element, hosts, it: new CellPainter(cellsIn(element), shards) };
    }
    painter.current.it.paint(cells);
  });
  useSignalEffect(() => {
    marked.current?.classList.remove('twin');
    const at = inspected.value?.cell;
    marked.current = at === undefined ? undefined : cellsIn(root.current as HTMLElement)[at];
    marked.current?.classList.add('twin');
  });

  const look = ({ target }: Event) => {
    const element = (target as HTMLElement).closest<HTMLElement>('.cell');
    if (element !== null) inspected.value = { queue, cell: Number(element.dataset.at), element };
  };
  const away = () => {
    inspected.value = undefined;
  };
  const open = ({ target }: Event) => {
    const cell = (target as HTMLElement).closest<HTMLElement>('.cell')?.dataset.at;
    if (cell !== undefined) location.hash = addressOf(queue, hosts, Number(cell));
  };
  const press = (event: KeyboardEvent) => {
    if (event.key === 'Escape') return away();
    if (event.key === 'Enter' || event.key === ' ') {
      event.preventDefault();
      return open(event);
    }
    const next = cellAfterKey(shape, current, event.key, event.ctrlKey);
    if (next === undefined || event.altKey || event.metaKey) return;
    event.preventDefault();
    setCurrent(next);
    cellsIn(event.currentTarget as HTMLElement)[next]?.focus();
  };
  return (
    <div class="map" data-queue={queue}>
      <div
        ref={root}
        role="grid"
        aria-label={`${queue}: a row for each host, a cell for each shard`}
        aria-readonly="true"
        class={`hosts ${shape.isNarrow ? 'narrow' : ''}`}
        style={{ '--columns': shape.columns }}
        onPointerOver={look}
        onPointerLeave={away}
        onFocusIn={(event) => {
          const at = (event.target as HTMLElement).dataset.at;
          if (at !== undefined) setCurrent(Number(at));
          look(event);
        }}
        onFocusOut={away}
        onClick={open}
        onKeyDown={press}
      >
        <Rows shape={shape} current={Math.min(current, shape.cells - 1)} />
      </div>
    </div>
  );
}

function Rows({ shape, current }: { shape: MapShape; current: number }) {
  return (
    <>
      {shape.hosts.map(({ name, shards, first }) => (
        <div role="row" key={name} class="host">
          <span role="rowheader" class="host-name" title={name}>
            {name}
          </span>
          <div role="presentation" class="cells">
            {shards.map((shard, i) => (
              <div
                key={shard}
                role="gridcell"
                class="cell"
                data-at={first + i}
                tabIndex={first + i === current ? 0 : -1}
              />
            ))}
          </div>
        </div>
      ))}
    </>
  );
}

/** What stands out in a map, in words. */
export function MapInWords({ queue }: { readonly queue: string }) {
  return <>{cellsInWords(state.value?.cells[queue] ?? [])}</>;
}

function addressOf(queue: string, hosts: Hosts, cell: number): string {
  const shard = hosts.flatMap((host) => host.shards)[cell] ?? '';
  const all = layout.peek()?.queues.find(({ name }) => name === queue)?.from;
  const [, , , worst = 0] = state.peek()?.cells[queue]?.[cell] ?? [];
  return hashOf({ page: 'source', names: [shard, all?.[worst] ?? queue] });
}
