// What a user imports: `import { defineHandler } from 'tributary'`.
export {
  type BatchHandler,
  type CoalesceKey,
  type Context,
  defineHandler,
  type Event,
  type EventHandler,
  type FreeBatchHandler,
  type FreeContext,
  type FreeEventHandler,
  type Handler,
  type HandlerClient,
  type Origin,
  type OriginStep,
  type RetryOptions,
  type SendOptions,
  type SentEvent,
} from './handler/contract.ts';
