// The proof that is shown at the end of a command, as a table.
import type { EndedSource } from '../../../succession/proof.ts';
import type { Column } from '../../terminal/output.ts';

export const PROOF_COLUMNS: readonly Column<EndedSource>[] = [
  { title: 'source', value: ({ source }) => source },
  { title: 'is', value: ({ what }) => what },
  { title: 'at tick', value: ({ tick }) => tick },
  { title: 'of', value: ({ tickAt }) => tickAt },
  { title: 'moved', value: ({ moved }) => moved },
  { title: 'behind it on the shard', value: ({ behind }) => behind },
  {
    title: 'same tick there',
    value: ({ isSameTick }) => (isSameTick === undefined ? undefined : isSameTick ? 'yes' : 'no'),
  },
  {
    title: 'registered',
    value: ({ isRegistered }) => (isRegistered === undefined ? undefined : isRegistered ? 'yes' : 'no'),
  },
];
