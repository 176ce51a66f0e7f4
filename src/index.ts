// What a user imports: `import { defineHandler } from 'tributary'`.
export {
  type BatchHandler,
  type Context,
  defineHandler,
  type Event,
  type EventHandler,
  type Handler,
  type HandlerClient,
  type Origin,
  type RetryOptions,
} from './handler/contract.ts';
