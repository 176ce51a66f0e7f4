// What a producer imports: `import { createProducer } from 'tributary/producer'`. Neither mover nor workers are loaded by it.
export { TributaryError } from './errors/tributary-error.ts';
export type {
  ExtraColumn,
  ProducedEvent,
  Producer,
  ProducerColumns,
  ProducerOptions,
  QueueName,
  SpoolingProducer,
  SpoolOption,
  SpoolOptions,
} from './producer/contract.ts';
export { createProducer } from './producer/producer.ts';
