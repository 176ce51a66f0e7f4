// Brings the cells of one map to what they should look like, touching only those that changed.
//
// Invariant: a cell's class and label are what `paint` was last called with.
import type { MapCell } from '../../http/dashboard/state.ts';
import { cellLabel } from '../words/states.ts';
import { looksOf } from './looks.ts';
import { ageStep, STEP_NAMES } from './scale.ts';

export class CellPainter {
  readonly #elements: readonly HTMLElement[];
  readonly #shards: readonly string[];
  readonly #shown: string[] = [];

  constructor(elements: readonly HTMLElement[], shards: readonly string[]) {
    this.#elements = elements;
    this.#shards = shards;
  }

  paint(cells: readonly MapCell[]): void {
    this.#elements.forEach((element, at) => {
      const cell: MapCell = cells[at] ?? ['unassigned', null, null];
      const looks = looksOf(cell);
      if (this.#shown[at] === looks) return;
      this.#shown[at] = looks;
      element.dataset.looks = looks;
      const step = cell[1] === null ? '' : (STEP_NAMES[ageStep(cell[1])] ?? '');
      element.setAttribute('aria-label', cellLabel(this.#shards[at] ?? '', cell, step));
    });
  }
}
