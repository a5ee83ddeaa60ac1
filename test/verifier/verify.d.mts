export function verify(bytes: Uint8Array): {
  network: string
  window: bigint
  scope: 'window' | 'units'
  units: number
  count: bigint
  checksum: string
  /** Units of which a result is in it that differs from the one certified. */
  contested: number[]
  /** Units of which somebody is silent whose turn it was. */
  silent: number[]
}
export function cutOf(partition: {
  map: string
  bits: number
  units: number
  leaves: number
}): { r: bigint; leaves: number }[]
