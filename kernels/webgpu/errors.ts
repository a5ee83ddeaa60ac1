/** What can go wrong with a GPU, one class each, so that a caller can choose: the CPU, a restart there, or a full stop. */

/** There is no GPU to use, and why: take the `wasm` engine. */
export class NoGpu extends Error {
  override readonly name = 'NoGpu'
  /** There is a driver or an adapter, which is of no use: worth a word to an owner who expects it to be used. */
  readonly refused: boolean

  constructor(message: string, refused = true) {
    super(message)
    this.refused = refused
  }
}

/** The GPU went away in the middle of a unit (driver reset, sleep, unplugged): restart the unit on the `wasm` engine. */
export class DeviceLost extends Error {
  override readonly name = 'DeviceLost'
}

/** The GPU answered wrongly or refused a command: nothing it said since the last good batch is to be believed. Stop. */
export class GpuFault extends Error {
  override readonly name = 'GpuFault'
}

/** The first line of what a platform says, so that it fits into a sentence of ours. */
export const said = (message: string): string => message.split('\n')[0]!.replace(/\.$/, '')
