// What a forked process has to know of the one that forked it: that it is gone.

/**
 * Calls `listener` when the process that forked us has ended, also where it ended while we were being loaded: nobody reports that
 * any more. Without effect in a process that nobody forked.
 */
export function onParentGone(listener: () => void): void {
  // `send` stays when the channel closes, `connected` does not.
  if (process.send === undefined) return;
  if (process.connected) process.once('disconnect', listener);
  else listener();
}
