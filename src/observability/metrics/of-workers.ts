// Metrics of the workers of a host: counted from their occurrences, and read from them when they are asked for.
import type { WorkerOccurrence } from '../../workers/primary/occurrence.ts';
import type { QueueLoad } from '../../workers/primary/slot/slots.ts';
import { type Figures, gauge, Instruments, together } from './figures.ts';

const OUTCOMES = ['done', 'put_off', 'dead'] as const;
const STAGES = [
  ['toCentral', 'to_central'],
  ['toHandled', 'to_handled'],
  ['whole', 'whole'],
] as const;
/** Of a histogram that is there from the beginning. */
const NONE = { counts: [], sum: 0 };
const CAUSES = ['crashed', 'silent', 'stalled'] as const;

export class WorkerMetrics {
  readonly #instruments = new Instruments();
  /** Why a slot's worker is about to be killed. */
  readonly #causes = new Map<string, (typeof CAUSES)[number]>();

  /** @param queues those that are worked on here: their counters are there from the beginning. */
  constructor(queues: readonly string[]) {
    const at0 = this.#instruments;
    for (const queue of queues) {
      for (const outcome of OUTCOMES) at0.count('tributary_handled_events_total', [queue, outcome], 0);
      for (const cause of CAUSES) at0.count('tributary_worker_deaths_total', [queue, cause], 0);
      for (const [, stage] of STAGES) at0.add('tributary_delivery_duration_seconds', [queue, stage], NONE);
      at0.count('tributary_batches_given_up_total', [queue], 0);
      at0.count('tributary_slots_taken_over_total', [queue], 0);
      at0.count('tributary_worker_replacements_total', [queue], 0);
      at0.count('tributary_worker_trouble_total', [queue], 0);
    }
    at0.count('tributary_pool_trouble_total', [], 0);
  }

  /** A listener for `WorkerPoolOptions.onOccurrence`. */
  readonly note = (occurrence: WorkerOccurrence): void => {
    const instruments = this.#instruments;
    switch (occurrence.kind) {
      case 'counted': {
        const { queue, done, putOff, dead, calls, delivered } = occurrence;
        for (const [at, events] of [done, putOff, dead].entries())
          instruments.count('tributary_handled_events_total', [queue, OUTCOMES[at] ?? ''], events);
        instruments.add('tributary_handler_duration_seconds', [queue], calls);
        if (delivered === undefined) break;
        for (const [stage, name] of STAGES)
          instruments.add('tributary_delivery_duration_seconds', [queue, name], delivered[stage]);
        break;
      }
      case 'batch-finished':
        instruments.observe('tributary_batch_duration_seconds', [occurrence.queue], occurrence.ms / 1_000);
        break;
      case 'batch-given-up':
        instruments.count('tributary_batches_given_up_total', [occurrence.queue]);
        break;
      case 'worker-silent':
      case 'worker-stalled':
        this.#causes.set(occurrence.slot, occurrence.kind === 'worker-silent' ? 'silent' : 'stalled');
        break;
      case 'worker-died': {
        const { queue, slot } = occurrence;
        instruments.count('tributary_worker_deaths_total', [queue, this.#causes.get(slot) ?? 'crashed']);
        this.#causes.delete(slot);
        break;
      }
      case 'slot-taken-over':
        instruments.count('tributary_slots_taken_over_total', [occurrence.queue]);
        break;
      case 'worker-replaced':
        instruments.count('tributary_worker_replacements_total', [occurrence.queue]);
        break;
      case 'worker-troubled':
        instruments.count('tributary_worker_trouble_total', [occurrence.queue]);
        break;
      case 'pool-trouble':
        instruments.count('tributary_pool_trouble_total', []);
        break;
      default:
    }
  };

  figures(load: readonly QueueLoad[]): Figures {
    return together([
      this.#instruments.figures,
      {
        tributary_workers_up: gauge(...load.map(({ queue, up }) => [[queue], up] as const)),
        tributary_workers_busy: gauge(...load.map(({ queue, busy }) => [[queue], busy] as const)),
      },
    ]);
  }
}
