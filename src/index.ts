// What a user imports: `import { defineHandler } from 'tributary'`.
export { type SignOptions, signChannel } from './channels/signed.ts';
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
  type ProcessContext,
  type ProgressOptions,
  type PublishOptions,
  type RetryOptions,
  type SendOptions,
  type SentEvent,
} from './handler/contract.ts';
