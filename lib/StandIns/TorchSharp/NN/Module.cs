using System.Reflection;
using TorchSharp.Modules;

namespace TorchSharp;

public static partial class torch
{
    public static partial class nn
    {
        /// <summary>
        /// Owns parameters, buffers and submodules under names. <see cref="RegisterComponents"/> registers the fields under their C# names,
        /// so that <c>state_dict</c> keys such as <c>layers.0.self_attn.q_proj.weight</c> come from field names.
        /// </summary>
        public abstract partial class Module : IDisposable
        {
            private readonly string name;
            private readonly OrderedDictionary<string, Parameter> ownParameters = [];
            private readonly OrderedDictionary<string, (Tensor tensor, bool persistent)> ownBuffers = [];
            private readonly OrderedDictionary<string, Module> children = [];

            protected Module(string name) => this.name = name;


            /// <summary>Whether the module is in training mode: dropout acts only then.</summary>
            public bool training { get; private set; } = true;

            /// <summary>Registers every field that holds a module, parameter or tensor (buffer), in order of declaration, under the field's name.</summary>
            protected virtual void RegisterComponents()
            {
                const BindingFlags fields = BindingFlags.Public | BindingFlags.NonPublic | BindingFlags.Instance | BindingFlags.DeclaredOnly;
                var lineage = new Stack<Type>();
                for (Type? type = GetType(); type is not null && type != typeof(Module); type = type.BaseType) lineage.Push(type);
                foreach (FieldInfo field in lineage.SelectMany(t => t.GetFields(fields)))
                {
                    string name = field.Name;
                    switch (field.GetValue(this))
                    {
                        case Module module when !children.ContainsKey(name): register_module(name, module); break;
                        case Modules.Parameter parameter when !ownParameters.ContainsKey(name): register_parameter(name, parameter); break;
                        case Modules.Parameter: break;
                        case Tensor buffer when !ownBuffers.ContainsKey(name): register_buffer(name, buffer); break;
                    }
                }
            }

            public virtual void register_module(string name, Module submodule)
            {
                if (name.Contains('.')) throw new ArgumentException($"module name '{name}' contains a dot");
                if (!children.TryAdd(name, submodule)) throw new ArgumentException($"a module '{name}' is registered already");
            }

            public virtual void register_parameter(string name, Parameter param)
            {
                if (!ownParameters.TryAdd(name, param)) throw new ArgumentException($"a parameter '{name}' is registered already");
                param.DetachFromDisposeScope();
            }

            public virtual void register_buffer(string name, Tensor tensor, bool persistent = true)
            {
                if (!ownBuffers.TryAdd(name, (tensor, persistent))) throw new ArgumentException($"a buffer '{name}' is registered already");
                tensor.DetachFromDisposeScope();
            }

            public virtual void train(bool train = true)
            {
                training = train;
                foreach (Module child in children.Values) child.train(train);
            }

            public virtual void eval() => train(false);

            public virtual void zero_grad(bool set_to_none = true)
            {
                foreach (Parameter parameter in parameters())
                {
                    if (set_to_none) { parameter.grad = null; continue; }
                    using Tensor? gradient = parameter.grad;
                    gradient?.zero_();
                }
            }

            public virtual IEnumerable<(string name, Parameter parameter)> named_parameters(bool recurse = true) =>
                Walk(recurse, m => m.ownParameters.Select(p => (p.Key, p.Value)));

            public virtual IEnumerable<(string name, Tensor buffer)> named_buffers(bool recurse = true) =>
                Walk(recurse, m => m.ownBuffers.Select(b => (b.Key, b.Value.tensor)));

            public virtual IEnumerable<Parameter> parameters(bool recurse = true) => named_parameters(recurse).Select(p => p.parameter);
            public virtual IEnumerable<(string name, Module module)> named_children() => children.Select(c => (c.Key, c.Value));
            public virtual IEnumerable<Module> modules() => named_modules().Select(m => m.module);

            /// <summary>All modules below this one, each after its parent.</summary>
            public virtual IEnumerable<(string name, Module module)> named_modules()
            {
                foreach ((string name, Module child) in children)
                {
                    yield return (name, child);
                    foreach ((string below, Module module) in child.named_modules()) yield return ($"{name}.{below}", module);
                }
            }

            private IEnumerable<(string name, T value)> Walk<T>(bool recurse, Func<Module, IEnumerable<(string, T)>> own) where T : Tensor
            {
                var seen = new HashSet<T>(ReferenceEqualityComparer.Instance);   // a tied parameter is listed once, as in PyTorch
                IEnumerable<(string prefix, Module module)> all = [("", this)];
                if (recurse) all = all.Concat(named_modules().Select(m => (m.name + ".", m.module)));
                foreach ((string prefix, Module module) in all)
                    foreach ((string name, T value) in own(module))
                        if (seen.Add(value)) yield return (prefix + name, value);
            }

            public void Dispose()
            {
                Dispose(true);
                GC.SuppressFinalize(this);
            }

            protected virtual void Dispose(bool disposing)
            {
                if (!disposing) return;
                foreach (Parameter parameter in ownParameters.Values) parameter.Dispose();
                foreach ((Tensor buffer, _) in ownBuffers.Values) buffer.Dispose();
                foreach (Module child in children.Values) child.Dispose();
            }
        }
    }
}
