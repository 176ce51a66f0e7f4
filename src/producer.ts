// What a producer imports: `import { createProducer } from 'tributary/producer'`. Neither mover nor workers are loaded by it.
export { TributaryError } from './errors/tributary-error.ts';
export type {
  CallingProducer,
  CallsOption,
  ExtraColumn,
  ProducedEvent,
  Producer,
  ProducerCallOptions,
  ProducerColumns,
  ProducerOptions,
  QueueName,
  SpoolingProducer,
  SpoolOption,
  SpoolOptions,
  WaitOptions,
} from './producer/contract.ts';
export { createProducer } from './producer/producer.ts';
