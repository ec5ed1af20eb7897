namespace Plotly.NET;

/// <summary>Everything of a chart that is not data: axes, titles, legend, size.</summary>
public class Layout : DynamicObj.DynamicObj;
