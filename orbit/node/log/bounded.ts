/** What waits, in memory, for something else to come first: so many things of so many bytes, and the oldest make room. */

export class BoundedBuffer<T> {
  private readonly items = new Map<string, { item: T; bytes: number }>()
  private readonly most: { readonly items: number; readonly bytes: number }
  private held = 0

  constructor(most: BoundedBuffer<T>['most']) {
    this.most = most
  }

  /** Puts something by, as the newest. @param bytes that it takes, about */
  put(key: string, item: T, bytes: number): void {
    this.delete(key)
    this.items.set(key, { item, bytes })
    this.held += bytes
    while (this.items.size > this.most.items || this.held > this.most.bytes) {
      this.delete(this.items.keys().next().value!)
    }
  }

  get(key: string): T | undefined {
    return this.items.get(key)?.item
  }

  /** @returns whether it was there */
  delete(key: string): boolean {
    this.held -= this.items.get(key)?.bytes ?? 0
    return this.items.delete(key)
  }

  /** As of now, oldest first. */
  entries(): [string, T][] {
    return [...this.items].map(([key, { item }]) => [key, item])
  }

  clear(): void {
    this.items.clear()
    this.held = 0
  }
}
