import type { Binding, Matcher, Routable } from "./binding.ts";

interface TrieNode {
  readonly children: Map<string, TrieNode>;
  readonly bindings: Set<Binding>;
}

/** Patterns of words between dots: `*` stands for one word, `#` for any number of them. */
export class TopicTrie implements Matcher {
  readonly #root: TrieNode = newNode();

  add(binding: Binding): void {
    let node = this.#root;
    for (const word of binding.routingKey.split(".")) {
      let child = node.children.get(word);
      if (child === undefined) {
        child = newNode();
        node.children.set(word, child);
      }
      node = child;
    }
    node.bindings.add(binding);
  }

  remove(binding: Binding): void {
    const words = binding.routingKey.split(".");
    const path: TrieNode[] = [this.#root];
    for (const word of words) {
      const child = path.at(-1)?.children.get(word);
      if (child === undefined) return;
      path.push(child);
    }
    path.at(-1)?.bindings.delete(binding);
    for (let depth = words.length; depth > 0; depth -= 1) {
      const node = path[depth];
      if (node === undefined || node.bindings.size > 0 || node.children.size > 0) return;
      path[depth - 1]?.children.delete(words[depth - 1] ?? "");
    }
  }

  match(message: Routable, found: (binding: Binding) => void): void {
    const words = message.routingKey.split(".");
    // Several `#` in one pattern lead to the same node on many ways; each place is looked at once.
    const seen = new Map<TrieNode, Set<number>>();
    const visit = (node: TrieNode, at: number): void => {
      let places = seen.get(node);
      if (places === undefined) {
        places = new Set();
        seen.set(node, places);
      }
      if (places.has(at)) return;
      places.add(at);
      const many = node.children.get("#");
      if (many !== undefined) for (let end = at; end <= words.length; end += 1) visit(many, end);
      const word = words[at];
      if (word === undefined) {
        if (at === words.length) for (const binding of node.bindings) found(binding);
        return;
      }
      const one = node.children.get("*");
      if (one !== undefined) visit(one, at + 1);
      const same = node.children.get(word);
      if (same !== undefined && same !== one && same !== many) visit(same, at + 1);
    };
    visit(this.#root, 0);
  }
}

function newNode(): TrieNode {
  return { children: new Map(), bindings: new Set() };
}
