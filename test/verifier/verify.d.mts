export function verify(bytes: Uint8Array): {
  network: string
  window: bigint
  scope: 'window' | 'units'
  units: number
  count: bigint
  checksum: bigint
  contested: { unit: number; leaf: number }[]
  silent: number[]
}
