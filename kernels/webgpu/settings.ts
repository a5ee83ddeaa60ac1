/** What can be tuned to an adapter (tune.ts), with bounds. No setting changes a result. */
export interface Settings {
  /**
   * D: levels of the tree that the GPU expands, 8 to 20. Fewer where a leaf leaves fewer. Table:
   * 2^(D+4) bytes.
   */
  readonly expandBits: number
  /** B: steps of the look-ahead, 16 to 20. Table: 2^(B+1) bytes. */
  readonly lookBits: number
  /** Threads of a workgroup: 32, 64 or 128. */
  readonly threads: number
  /** Patterns that a workgroup takes, a multiple of `threads`. */
  readonly patterns: number
  /** Numbers that the space between the kernels holds, 8 bytes each. At least 64. */
  readonly survivorRoom: number
  /** Numbers that a batch may send back, 8 bytes each. At least 64. */
  readonly resultRoom: number
  /** How long a batch is to take, in milliseconds: 1 to 199, or a desktop stutters. */
  readonly batchMs: number
}

export const DEFAULTS: Settings = {
  expandBits: 18,
  lookBits: 20,
  threads: 128,
  patterns: 1024,
  survivorRoom: 2 ** 23,
  resultRoom: 2 ** 19,
  batchMs: 80,
}

/** For software adapters: batches so small that a CPU does them in the time. */
export const SOFTWARE: Settings = {
  ...DEFAULTS,
  expandBits: 10,
  lookBits: 18,
  threads: 64,
  survivorRoom: 2 ** 18,
  resultRoom: 2 ** 14,
}

/** @throws {RangeError} naming the setting that is out of range */
export function checkSettings(settings: Settings): void {
  const within = (name: keyof Settings, low: number, high: number) => {
    const value = settings[name]
    if (!Number.isInteger(value) || value < low || value > high) {
      throw new RangeError(`The GPU setting ${name} must be a whole number from ${low} to ${high}, not ${value}`)
    }
  }
  within('expandBits', 8, 20)
  within('lookBits', 16, 20)
  within('threads', 32, 128)
  within('patterns', settings.threads, 65_536)
  within('survivorRoom', 64, 2 ** 26)
  within('resultRoom', 64, 2 ** 22)
  within('batchMs', 1, 199)
  if (![32, 64, 128].includes(settings.threads) || settings.patterns % settings.threads !== 0) {
    throw new RangeError('The GPU setting threads must be 32, 64 or 128, and patterns a multiple of it')
  }
}

/** Whether a value read from a file is settings that can be used. */
export function isSettings(value: unknown): value is Settings {
  if (typeof value !== 'object' || value === null) return false
  try {
    checkSettings(value as Settings)
    return true
  } catch {
    return false
  }
}
