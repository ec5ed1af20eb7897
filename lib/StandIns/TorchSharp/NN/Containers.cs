using System.Collections;
using System.Globalization;
using TorchSharp.Modules;

namespace TorchSharp.Modules
{
    using static TorchSharp.torch;

    /// <summary>Modules by position; their names are 0, 1, 2, ...</summary>
    public class ModuleList<T> : nn.Module, IList<T> where T : nn.Module
    {
        private readonly List<T> items = [];

        public ModuleList(params T[] modules) : base(nameof(ModuleList<T>))
        {
            foreach (T module in modules) Add(module);
        }

        public int Count => items.Count;
        public bool IsReadOnly => false;

        public T this[int index]
        {
            get => items[index];
            set => throw new NotSupportedException("modules of a ModuleList cannot be exchanged once registered");
        }

        public void Add(T module)
        {
            register_module(items.Count.ToString(CultureInfo.InvariantCulture), module);
            items.Add(module);
        }

        public void append(T module) => Add(module);

        public IEnumerator<T> GetEnumerator() => items.GetEnumerator();
        IEnumerator IEnumerable.GetEnumerator() => GetEnumerator();
        public int IndexOf(T module) => items.IndexOf(module);
        public bool Contains(T module) => items.Contains(module);
        public void CopyTo(T[] array, int arrayIndex) => items.CopyTo(array, arrayIndex);
        public void Insert(int index, T module) => throw new NotSupportedException("modules can only be added at the end of a ModuleList");
        public bool Remove(T module) => throw new NotSupportedException("modules cannot be removed from a ModuleList");
        public void RemoveAt(int index) => throw new NotSupportedException("modules cannot be removed from a ModuleList");
        public void Clear() => throw new NotSupportedException("modules cannot be removed from a ModuleList");
    }

    /// <summary>Modules by name.</summary>
    public class ModuleDict<T> : nn.Module, IEnumerable<(string, T)> where T : nn.Module
    {
        private readonly OrderedDictionary<string, T> items = [];

        public ModuleDict(params (string, T)[] modules) : base(nameof(ModuleDict<T>))
        {
            foreach ((string key, T module) in modules) Add(key, module);
        }

        public int Count => items.Count;
        public T this[string key] => items[key];
        public bool ContainsKey(string key) => items.ContainsKey(key);

        public void Add(string key, T module)
        {
            register_module(key, module);
            items.Add(key, module);
        }

        public IEnumerator<(string, T)> GetEnumerator() => items.Select(i => (i.Key, i.Value)).GetEnumerator();
        IEnumerator IEnumerable.GetEnumerator() => GetEnumerator();
    }

    /// <summary>Modules one after the other, each fed with the result of the one before.</summary>
    public class Sequential : nn.Module<Tensor, Tensor>
    {
        private readonly List<nn.Module<Tensor, Tensor>> steps = [];

        internal Sequential(IEnumerable<(string, nn.Module<Tensor, Tensor>)> modules) : base(nameof(Sequential))
        {
            foreach ((string name, nn.Module<Tensor, Tensor> module) in modules)
            {
                register_module(name, module);
                steps.Add(module);
            }
        }

        public int Count => steps.Count;
        public nn.Module<Tensor, Tensor> this[int index] => steps[index];

        public override Tensor forward(Tensor tensor)
        {
            using DisposeScope scope = NewDisposeScope();
            Tensor result = tensor.alias();
            foreach (nn.Module<Tensor, Tensor> step in steps) result = step.call(result);
            return scope.MoveToOuter(result);
        }
    }
}

namespace TorchSharp
{
    public static partial class torch
    {
        public static partial class nn
        {
            public static ModuleList<T> ModuleList<T>(params T[] modules) where T : Module => new(modules);
            public static ModuleDict<T> ModuleDict<T>(params (string, T)[] modules) where T : Module => new(modules);
            public static Sequential Sequential(params (string name, Module<Tensor, Tensor> submodule)[] modules) => new(modules);
            public static Sequential Sequential(params Module<Tensor, Tensor>[] modules) => new(modules.Select((m, i) => (i.ToString(CultureInfo.InvariantCulture), m)));
        }
    }
}
