/** @orbitdb/core ships no types: what this node uses of it. */
declare module '@orbitdb/core' {
  export function createOrbitDB(options: object): Promise<{
    open(name: string, options: object): Promise<unknown>
    stop(): Promise<void>
  }>
  export function Database(parameters: object): Promise<{
    readonly address: string
    close(): Promise<void>
    readonly log: unknown
  }>
  export const Entry: {
    create(
      identity: object,
      id: string,
      payload: { op: 'PUT'; key: string; value: unknown },
      encrypt: undefined,
      clock: { id: string; time: number },
      next: readonly string[],
      refs: readonly string[],
    ): Promise<{
      id: string
      payload: { op: 'PUT'; key: string; value: unknown }
      next: readonly string[]
      refs: readonly string[]
      clock: { id: string; time: number }
      v: 2
      key: string
      identity: string
      sig: string
    }>
    encode(entry: object): Promise<{ hash: string; bytes: Uint8Array }>
  }
}
