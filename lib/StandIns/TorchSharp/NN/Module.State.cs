using System.Reflection;
using TorchSharp.Modules;

namespace TorchSharp;

public static partial class torch
{
    public static partial class nn
    {
        /// <summary>State in and out, and conversion in place.</summary>
        public abstract partial class Module
        {
            /// <summary>Parameters and persistent buffers by full name: the live tensors, not copies. Tied parameters appear under each name.</summary>
            public virtual Dictionary<string, Tensor> state_dict(Dictionary<string, Tensor>? destination = null, string? prefix = null)
            {
                destination ??= [];
                string start = string.IsNullOrEmpty(prefix) ? "" : prefix + ".";
                foreach ((string name, Parameter parameter) in ownParameters) destination[start + name] = parameter;
                foreach ((string name, (Tensor tensor, bool persistent)) in ownBuffers)
                    if (persistent) destination[start + name] = tensor;
                foreach ((string name, Module child) in children) child.state_dict(destination, start + name);
                return destination;
            }

            /// <summary>Copies values into the module's tensors.</summary>
            /// <exception cref="InvalidOperationException">Strict, and a key is missing or unexpected.</exception>
            public virtual (IList<string> missing_keys, IList<string> unexpected_keys) load_state_dict(Dictionary<string, Tensor> source, bool strict = true, IList<string>? skip = null)
            {
                Dictionary<string, Tensor> own = state_dict();
                List<string> missing = [.. own.Keys.Where(k => !source.ContainsKey(k) && skip?.Contains(k) != true)];
                List<string> unexpected = [.. source.Keys.Where(k => !own.ContainsKey(k) && skip?.Contains(k) != true)];
                if (strict && (missing.Count > 0 || unexpected.Count > 0))
                    throw new InvalidOperationException($"The loaded state_dict is not identical to the target dictionary: missing [{string.Join(", ", missing)}], unexpected [{string.Join(", ", unexpected)}].");
                using var _ = no_grad();
                foreach ((string key, Tensor value) in source)
                    if (own.TryGetValue(key, out Tensor? target) && skip?.Contains(key) != true) target.copy_(value);
                return (missing, unexpected);
            }

            /// <summary>Replaces every parameter and buffer by its converted copy: in the registry and in the field that holds it.</summary>
            internal void Convert(Device? device, ScalarType? type)
            {
                using var _ = no_grad();
                foreach (Module child in children.Values) child.Convert(device, type);
                foreach ((string name, Parameter old) in ownParameters.ToArray())
                {
                    Tensor converted = Converted(old, device, type);
                    if (ReferenceEquals(converted, old)) continue;
                    var fresh = new Parameter(converted, old.requires_grad);
                    fresh.DetachFromDisposeScope();
                    ownParameters[name] = fresh;
                    Replace(old, fresh);
                }
                foreach ((string name, (Tensor old, bool persistent)) in ownBuffers.ToArray())
                {
                    Tensor fresh = Converted(old, device, type);
                    if (ReferenceEquals(fresh, old)) continue;
                    ownBuffers[name] = (fresh.DetachFromDisposeScope(), persistent);
                    Replace(old, fresh);
                }
            }

            private static Tensor Converted(Tensor tensor, Device? device, ScalarType? type)
            {
                if (type is ScalarType t && tensor.is_floating_point()) tensor = tensor.to(t);
                return device is null ? tensor : tensor.to(device);
            }

            private void Replace(Tensor old, Tensor fresh)
            {
                const BindingFlags fields = BindingFlags.Public | BindingFlags.NonPublic | BindingFlags.Instance | BindingFlags.DeclaredOnly;
                for (Type? type = GetType(); type is not null && type != typeof(Module); type = type.BaseType)
                    foreach (FieldInfo field in type.GetFields(fields))
                        if (typeof(Tensor).IsAssignableFrom(field.FieldType) && ReferenceEquals(field.GetValue(this), old)) field.SetValue(this, fresh);
                old.Dispose();
            }
        }
    }
}
