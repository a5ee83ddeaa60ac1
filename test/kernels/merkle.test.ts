/**
 * The Merkle tree against published vectors, and every proof of small trees against every way to be
 * wrong.
 */
import { describe, expect, setDefaultTimeout, test } from 'bun:test'
import { inclusionProof, inclusionProofs, merkleRoot, verifyInclusion } from '../../kernels/merkle.ts'
import { Random } from './random.ts'

// Seconds of arithmetic, and the machine may be busy with other things.
setDefaultTimeout(2_400_000)

const hex = (bytes: Uint8Array) => Buffer.from(bytes).toString('hex')
const random = new Random(5)

/** Each record of each tree of 1 to 40 records, with its proof. */
function* proofs() {
  const all = Array.from({ length: 40 }, () => random.bytes(64))
  for (let size = 1; size <= all.length; size++) {
    const tree = all.slice(0, size)
    const root = merkleRoot(tree)
    for (const [index, record] of tree.entries())
      yield { record, index, tree, proof: inclusionProof(tree, index), root }
  }
}

describe('Merkle tree', () => {
  // Inputs and roots of the test vectors of certificate-transparency, for the same tree (RFC 6962,
  // RFC 9162).
  const inputs = ['', '00', '10', '2021', '3031', '40414243', '5051525354555657', '606162636465666768696a6b6c6d6e6f']
  const records = inputs.map((input) => Uint8Array.from(Buffer.from(input, 'hex')))
  const roots = [
    'e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855',
    '6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d',
    'fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125',
    'aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77',
    'd37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7',
    '4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4',
    '76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef',
    'ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c',
    '5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328',
  ]

  test.each([...roots.entries()])('the root of %i records is that of the published vectors', (size, root) => {
    expect(hex(merkleRoot(records.slice(0, size)))).toBe(root)
  })

  test('the published inclusion proofs come out', () => {
    expect(inclusionProof(records, 5).map(hex)).toEqual([
      'bc1a0643b12e4d2d7c77918f44e0f4f79a838b6cf9ec5b5c283e1f4d88599e6b',
      'ca854ea128ed050b41b35ffc1b87b8eb2bde461e9e3b5596ece6b9d5975a0ae0',
      'd37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7',
    ])
    expect(inclusionProof(records.slice(0, 3), 2).map(hex)).toEqual([roots[2]!])
    expect(inclusionProof(records.slice(0, 1), 0)).toEqual([])
    for (const n of [1, 2, 3, 5, 8]) {
      const first = records.slice(0, n)
      expect(inclusionProofs(first)).toEqual(first.map((_, i) => inclusionProof(first, i)))
    }
  })

  test.each([-1, 0.5, 8, 9])('there is no proof of record %p among 8', (index) => {
    expect(() => inclusionProof(records, index)).toThrow(`no record ${index} among 8`)
  })

  test('every record of every tree up to 40 is proved', () => {
    for (const { record, index, tree, proof, root } of proofs()) {
      expect(verifyInclusion(record, index, tree.length, proof, root)).toBe(true)
    }
  })

  type Proof = ReturnType<typeof proofs> extends Generator<infer Each> ? Each : never
  test.each<[string, (proof: Proof) => Parameters<typeof verifyInclusion>]>([
    ['one place before', (p) => [p.record, p.index - 1, p.tree.length, p.proof, p.root]],
    ['one place after', (p) => [p.record, p.index + 1, p.tree.length, p.proof, p.root]],
    ['at a place that is no whole number', (p) => [p.record, p.index + 0.5, p.tree.length, p.proof, p.root]],
    ['in a tree that ends before it', (p) => [p.record, p.index, p.index, p.proof, p.root]],
    ['as another record', (p) => [random.bytes(64), p.index, p.tree.length, p.proof, p.root]],
    ['with a hash too many', (p) => [p.record, p.index, p.tree.length, [...p.proof, p.root], p.root]],
    ['with a hash too few', (p) => [p.record, p.index, p.tree.length, p.proof.slice(1), p.root]],
    ['with a hash cut short', (p) => [p.record, p.index, p.tree.length, p.proof.map((h) => h.subarray(1)), p.root]],
    ['under another root', (p) => [p.record, p.index, p.tree.length, p.proof, random.bytes(32)]],
    ['under a root cut short', (p) => [p.record, p.index, p.tree.length, p.proof, p.root.subarray(1)]],
  ])('and none %s', (what, change) => {
    for (const proof of proofs()) {
      // A tree of one record has an empty proof: there is no hash to take away from it.
      if (proof.proof.length === 0 && (what === 'with a hash too few' || what === 'with a hash cut short')) continue
      expect(verifyInclusion(...change(proof))).toBe(false)
    }
  })
})
