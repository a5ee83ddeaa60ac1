/** For tests in TypeScript alone. */
export interface Said {
  readonly genesis: { readonly id: string }
  readonly provesNothing: boolean
  readonly window: bigint
  readonly isWhole: boolean
  readonly count: number
  readonly checksum: string
  readonly units: readonly { readonly unit: number; readonly isContested: boolean; readonly isSilent: boolean }[]
}
export const MOST_BYTES: number
export function verify(encoded: Uint8Array, onUnit?: (done: number, all: number) => void): Said
