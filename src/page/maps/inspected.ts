// Which cell the reader looks at, in which map: all maps mark its shard, and the inspector says what is known of it.
import { signal } from '@preact/signals';

export interface Inspected {
  readonly queue: string;
  readonly cell: number;
  /** The inspector stands beside it. */
  readonly element: HTMLElement;
}

export const inspected = signal<Inspected | undefined>(undefined);
