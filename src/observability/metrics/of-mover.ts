// Metrics of a mover: counted from its occurrences, and read from it when they are asked for.
import type { MoverOccurrence } from '../../mover/occurrence.ts';
import { type Figures, gauge, Instruments, together } from './figures.ts';

/** What is read when metrics are asked for. */
export interface MoverLoad {
  readonly shardsHeld: number;
  /** Undefined before the mover has begun. */
  readonly budget: { readonly limit: number; readonly used: number } | undefined;
}

const TROUBLE = {
  'central-trouble': 'central',
  'shard-trouble': 'shard',
  'source-trouble': 'source',
} as const;

export class MoverMetrics {
  readonly #instruments = new Instruments();

  /** @param queues the file's central queues: their counters are there from the beginning. */
  constructor(queues: readonly string[]) {
    const at0 = this.#instruments;
    for (const queue of queues) {
      at0.count('tributary_moved_events_total', [queue], 0);
      at0.count('tributary_moved_bytes_total', [queue], 0);
    }
    for (const of of [...Object.values(TROUBLE), 'upkeep'])
      at0.count('tributary_mover_trouble_total', [of], 0);
    for (const reason of ['ran-out', 'taken-over']) at0.count('tributary_leases_lost_total', [reason], 0);
    for (const by of ['central', 'shard']) at0.count('tributary_refused_events_total', [by], 0);
    for (const name of ['tributary_loops_restarted_total', 'tributary_leases_taken_over_total'] as const)
      at0.count(name, [], 0);
  }

  /** A listener for `MoverOptions.onOccurrence`. */
  readonly note = (occurrence: MoverOccurrence): void => {
    const instruments = this.#instruments;
    switch (occurrence.kind) {
      case 'committed': {
        const { queue, rows, bytes, sources, ms } = occurrence;
        instruments.count('tributary_moved_events_total', [queue], rows);
        instruments.count('tributary_moved_bytes_total', [queue], bytes);
        instruments.observe('tributary_commit_duration_seconds', [queue], ms / 1_000);
        instruments.observe('tributary_commit_sources', [queue], sources);
        break;
      }
      case 'round':
        instruments.observe('tributary_round_duration_seconds', [], occurrence.ms / 1_000);
        break;
      case 'lease-lost':
        instruments.count('tributary_leases_lost_total', [occurrence.reason]);
        break;
      case 'lease-taken-over':
        instruments.count('tributary_leases_taken_over_total', []);
        break;
      case 'source-halted':
        instruments.count('tributary_source_halts_total', [occurrence.code]);
        break;
      case 'condemned':
        instruments.count('tributary_refused_events_total', [occurrence.by]);
        break;
      case 'stood-still':
        instruments.count('tributary_loops_restarted_total', []);
        break;
      case 'central-trouble':
      case 'shard-trouble':
      case 'source-trouble':
        instruments.count('tributary_mover_trouble_total', [TROUBLE[occurrence.kind]]);
        break;
      case 'upkeep-trouble':
        instruments.count('tributary_mover_trouble_total', ['upkeep']);
        break;
      default:
    }
  };

  figures({ shardsHeld, budget }: MoverLoad): Figures {
    return together([
      this.#instruments.figures,
      {
        tributary_shards_held: gauge([[], shardsHeld]),
        ...(budget && {
          tributary_memory_budget_bytes: gauge([[], budget.limit]),
          tributary_memory_budget_used_bytes: gauge([[], budget.used]),
        }),
      },
    ]);
  }
}
