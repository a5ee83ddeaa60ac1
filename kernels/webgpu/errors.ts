/**
 * What can go wrong with a GPU, one class each, so that a caller can choose: take the CPU, restart
 * the unit there, or stop.
 */

/** There is no GPU to use, and why: take the `wasm` engine. */
export class NoGpu extends Error {
  override readonly name = 'NoGpu'
  /**
   * Whether there is a driver or an adapter that cannot be used: its owner may expect it to be, and
   * is told.
   */
  readonly refused: boolean

  constructor(message: string, refused = true) {
    super(message)
    this.refused = refused
  }
}

/**
 * The GPU went away in the middle of a unit (driver reset, sleep, unplugged): restart the unit on
 * the `wasm` engine.
 */
export class DeviceLost extends Error {
  override readonly name = 'DeviceLost'
}

/**
 * The GPU answered wrongly or refused a command: no answer since the last good batch can be
 * believed. Stop.
 */
export class GpuFault extends Error {
  override readonly name = 'GpuFault'
}

/**
 * The first line of a platform's message, without its full stop, to be quoted inside a sentence.
 */
export const firstLine = (message: string): string => message.split('\n')[0]!.replace(/\.$/, '')
