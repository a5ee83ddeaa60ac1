/** @orbitdb/core ships no types: what this node uses of it. */
declare module '@orbitdb/core' {
  export function createOrbitDB(options: object): Promise<{
    open(name: string, options: object): Promise<unknown>
    stop(): Promise<void>
  }>
  export function Database(parameters: object): Promise<{
    readonly address: string
    addOperation(operation: { op: 'PUT'; key: string; value: unknown }): Promise<string>
    close(): Promise<void>
    readonly log: any
  }>
}
