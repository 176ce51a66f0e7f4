// Says what is known of the shard whose cell is pointed at or has the focus, in every central queue.
import { useLayoutEffect, useRef } from 'preact/hooks';
import { layout, state } from '../live/store.ts';
import { isUnseen, seenWords } from '../words/states.ts';
import { shortSeconds } from '../words/times.ts';
import { inspected } from './inspected.ts';
import { looksOf } from './looks.ts';

const GAP = 8;

export function Inspector() {
  const box = useRef<HTMLDivElement>(null);
  const at = inspected.value;
  useLayoutEffect(() => {
    if (box.current !== null && at !== undefined) standBeside(box.current, at.element);
  });
  const hosts = layout.value?.hosts ?? [];
  const host = hosts.find((_, i) => (at?.cell ?? -1) < endOf(hosts, i));
  const shard = hosts.flatMap(({ shards }) => shards)[at?.cell ?? -1];
  if (at === undefined || host === undefined || shard === undefined || !at.element.isConnected) return null;
  return (
    <div ref={box} class="inspector" aria-hidden="true">
      <strong>{shard}</strong> <span class="muted">on {host.name}</span>
      <ul>
        {layout.value?.queues
          .filter(({ groupOf }) => groupOf === undefined)
          .map(({ name }) => {
            const cell = state.value?.cells[name]?.[at.cell] ?? (['unassigned', null, null] as const);
            const [is, age, seen] = cell;
            return (
              <li key={name} class={name === at.queue ? 'current' : ''}>
                <i class="cell" data-looks={looksOf(cell)} />
                <span class="name">{name}</span>
                <span>{is}</span>
                <span class="number">{shortSeconds(age)}</span>
                <span class="muted">{isUnseen(seen) ? seenWords(seen) : ''}</span>
              </li>
            );
          })}
      </ul>
    </div>
  );
}

const endOf = (hosts: readonly { readonly shards: readonly string[] }[], at: number): number =>
  hosts.slice(0, at + 1).reduce((sum, { shards }) => sum + shards.length, 0);

/** Below the cell where there is room, else above; never beyond the edges. */
function standBeside(box: HTMLElement, element: HTMLElement): void {
  const [cell, own] = [element.getBoundingClientRect(), box.getBoundingClientRect()];
  const isRoomBelow = cell.bottom + GAP + own.height < innerHeight;
  const top = isRoomBelow ? cell.bottom + GAP : cell.top - GAP - own.height;
  const left = Math.min(Math.max(GAP, cell.left - GAP), document.body.clientWidth - own.width - GAP);
  box.style.transform = `translate(${Math.round(left)}px, ${Math.round(Math.max(GAP, top))}px)`;
}
