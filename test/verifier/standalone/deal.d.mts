/** For tests in TypeScript alone. */
export function deal(input: {
  networkId: string
  epoch: number
  randomness: Uint8Array
  roster: readonly { node: string; account: string; capacity: number }[]
  units: number
  replication: number
}): { quorums: number[][]; reserveOf(unit: number): number[] }
